// SPDX-License-Identifier: Apache-2.0
//
// What clients write reaches all these functions: whatever it is, they answer, and
// soon.
#include <gtest/gtest.h>

#include <random>

#include "policy/arithmetic.h"
#include "policy/comparison.h"
#include "policy/digests.h"
#include "policy/extract.h"
#include "policy/ip.h"
#include "policy/mail_address.h"
#include "policy/mime_words.h"
#include "policy/plain_list.h"
#include "policy/srs.h"
#include "policy/text_parts.h"
#include "policy/text_quoting.h"

namespace {

using policy::JsonText;

void try_all(std::string_view a, std::string_view b) {
  policy::evaluate_sum(a, policy::Radix::as_written);
  policy::parse_number(a);
  policy::strict_truth(a);
  policy::lax_truth(a);
  policy::extract_keyed(a, b);
  policy::extract_field(2, a, b);
  policy::extract_field(-2, a, b);
  policy::extract_json(a, b, JsonText::unquoted);
  policy::extract_json("2", '[' + std::string(b) + ']', JsonText::raw);
  policy::extract_json("a", '{' + std::string(b) + '}', JsonText::raw);
  policy::extract_element(a, b);
  policy::extract_element("-2", b);
  policy::quote_element(a, b);
  policy::inbound_srs("SRS0=" + std::string(a), b, 1);
  policy::srs_encode(a, b, a, 1);
  policy::parse_network(a);
  policy::decode_mime_words(a, b);
  policy::decode_mime_words(b, "UTF-8", true);
  policy::translate(a, b, a);
  policy::hash_text(a, 3, 62);
  policy::parse_mail_address(a);
  policy::parse_mail_addresses(b);
  policy::matches_hash(a, '{' + std::string(b));
}

}  // namespace

TEST(RandomBytes, AreSurvived) {
  std::mt19937 random(9);
  constexpr std::string_view kTricky =
      "<>@\"\\()[]{},;:.=?-_ \t\n%/+0123aAzZkQB*|^~&\xc3\xa9\xf0\x80";
  for (int round = 0; round < 20'000; ++round) {
    std::string texts[2];
    for (std::string& text : texts) {
      bool any_byte = random() % 4 == 0;
      for (std::size_t size = random() % 30; size > 0; --size)
        text +=
            any_byte ? static_cast<char>(random()) : kTricky[random() % kTricky.size()];
    }
    try_all(texts[0], texts[1]);
    // A list is what its elements say, and they are what was written.
    policy::PlainList list = policy::split_list(texts[0]);
    EXPECT_EQ(policy::count_elements(texts[0]), list.elements.size());
    for (std::string& element : list.elements) {
      auto quoted = policy::split_list(policy::quote_element(":", element)).elements;
      std::string_view::size_type blank = element.find_first_not_of(" \t\n\v\f\r<");
      if (blank == 0) {
        EXPECT_EQ(quoted, std::vector<std::string>{element});
      }
    }
    // Folding adds line ends and nothing else.
    std::string folded = policy::wrap_header(texts[0], random() % 12, 0);
    std::erase(folded, '\n');
    std::string plain = texts[0];
    std::erase(plain, '\n');
    EXPECT_EQ(folded, plain);
  }
}

TEST(RandomBytes, LongTextsTakeTimeInProportion) {
  constexpr std::size_t kSize = 300'000;
  for (std::string_view pattern : {"(",  ")",    "<",    "@",       "@,",
                                   ",",  "\"",   "\\",   "[",       "{",
                                   "a:", "a:a,", "=?",   "=?a?q?",  "=?utf-8?q?a?= ",
                                   "a=", "a =",  "[1,",  "{\"a\":", "<;",
                                   ": ", "::",   "a@b,", "@a,",     "g:a@b;",
                                   " ",  "\n",   "a ",   "a"}) {
    std::string text;
    while (text.size() < kSize) text += pattern;
    for (const std::string& whole : {text, text + '@', '@' + text + "@a:b@c"}) {
      policy::parse_mail_addresses(whole);
      policy::parse_mail_address(whole);
      policy::decode_mime_words(whole, "UTF-8");
      policy::decode_mime_words(whole, "UTF-8", true);
      policy::extract_keyed("zz", whole);
      policy::extract_json("1", whole, JsonText::raw);
      policy::extract_json("zz", whole, JsonText::raw);
      policy::count_elements(whole);
      policy::wrap_header(whole, 10, 0);
      policy::wrap_header(whole, 10, 998);
      policy::evaluate_sum(whole, policy::Radix::as_written);
    }
  }
}
