// SPDX-License-Identifier: Apache-2.0
#include "policy/operators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace {

base::Result<std::string> apply(std::string_view name, std::string_view text) {
  static const policy::TextSettings settings;
  auto call = policy::parse_operator(name);
  if (!call) return std::unexpected(call.error());
  return policy::apply_operator(*call, text, settings);
}

struct Row {
  std::string_view name, text, result;
};

void expect(std::initializer_list<Row> rows) {
  for (auto [name, text, result] : rows) {
    auto made = apply(name, text);
    ASSERT_TRUE(made) << name << ':' << text << ": " << made.error().text;
    EXPECT_EQ(*made, result) << name << ':' << text;
  }
}

void expect_errors(
    std::initializer_list<std::pair<std::string_view, std::string_view>> rows) {
  for (auto [name, text] : rows) {
    auto made = apply(name, text);
    EXPECT_FALSE(made) << name << ':' << text << " gives " << *made;
  }
}

}  // namespace

TEST(Operators, CutAndCountTexts) {
  expect({
      {"lc", "ABC\xc3\x89", "abc\xc3\x89"},
      {"uc", "abc\xc3\xa9", "ABC\xc3\xa9"},
      {"strlen", " a ", "3"},
      {"substr_1_2", "abcdef", "bc"},
      {"s_1_2", "abcdef", "bc"},
      {"substr_0", "abc", "abc"},
      {"substr_3", "abc", ""},
      {"substr_9_2", "abc", ""},
      {"substr_-2", "abcdef", "abcd"},
      {"substr_-9", "abc", ""},
      {"substr_-5_4", "abc", "ab"},
      {"substr_-9_3", "abc", ""},
      {"substr_-2_9", "abc", "bc"},
      {"substr_-4_2", "abc", "a"},
      {"substr_1_0", "abc", ""},
      {"substr_99999999999999999999_2", "abc", ""},
      {"substr_-99999999999999999999_2", "", ""},
      {"substr_-99999999999999999999_99999999999999999999", "abc", "ab"},
      {"length_3", "abcdef", "abc"},
      {"l_3", "ab", "ab"},
      {"length_0", "abc", ""},
      {"hash_3", "monty", "jmg"},
      {"h_3", "abcdef", "fmc"},
      {"hash_9", "abc", "abc"},
      {"hash_0", "abc", ""},
      {"hash_1_1", "abcdef", "a"},
      {"hash_2_62", "abcdefghijkl", "yY"},
      {"hash_5_36", "the quick brown fox", "hlavJ"},
      {"hash_5", "The Quick Brown fox", "zltdn"},
      {"hash_3",
       "\x80\xff\xfe"
       "aaa",
       "udk"},
      {"hash_6_62",
       "\x80\xff\xfe"
       "aaa\x91\x92\x93\x94\x95\x96",
       "kGK5Vo"},
      {"nhash_8_64", "supercalifragilistic", "4/47"},
      {"nhash_8_64", "abc", "7/44"},
      {"nh_7", "abcdef", "2"},
      {"nhash_100", "", "0"},
      {"listcount", "a: :b", "3"},
      {"listcount", "", "0"},
  });
}

TEST(Operators, CodeTexts) {
  expect({
      {"base32", "0", ""},
      {"base32", "", ""},
      {"base32", " 33", "bb"},
      {"base32", "1023", "77"},
      {"base32", "18446744073709551615", "p777777777777"},
      {"base32d", "bb", "33"},
      {"base32d", "", "0"},
      {"base62", "0", "000000"},
      {"base62", "61", "00000z"},
      {"base62", "4294967296", "4gfFC4"},
      {"base62", "99999999999", "1l9Zo9n"},
      {"base62d", "000010", "62"},
      {"base62d", "Zz", "2231"},
      {"base64", "abc", "YWJj"},
      {"base64", "a", "YQ=="},
      {"base64", "\xff\xfe", "//4="},
      {"str2b64", "ab", "YWI="},
      {"base64d", "YWJj", "abc"},
      {"base64d", "YW Jj\n", "abc"},
      {"base64d", "YWJ=", "ab"},
      {"base64d", "", ""},
      {"hex2b64", "616263", "YWJj"},
      {"hex2b64", "6A6b", "ams="},
      {"md5", "abc", "900150983cd24fb0d6963f7d28e17f72"},
      {"md5", "\xff", "00594fd4f42ba43fc1ca0427a0576295"},
      {"sha1", "abc", "A9993E364706816ABA3E25717850C26C9CD0D89D"},
      {"sha256", "abc",
       "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"},
      {"sha3_224", "abc", "E642824C3F8CF24AD09234EE7D3C766FC9A3A5168D0C94AD73B46FDF"},
      {"sha3", "abc",
       "3A985DA74FE225B2045C172D6BD390BD855F086E3E9D525B46BFE24511431532"},
      {"from_utf8", "caf\xc3\xa9 \xe2\x82\xac", "caf\xe9 _"},
      {"utf8clean", "\xc0\x80\xf5\x80\x80\x80\xed\xa0\x80x", "????x"},
      {"utf8clean", "ok \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
       "ok \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"utf8clean",
       "\xc3x\xe2\x82"
       "A",
       "?x?A"},
      {"utf8clean", "\xc3\xc3\xa9", "?\xc3\xa9"},
      {"utf8clean", "\xe0\x80\x80x\xf4\x90\x80\x80", "?x?"},
      {"utf8_domain_to_alabel",
       "b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example"},
      {"utf8_domain_to_alabel",
       "B\xc3\x9c"
       "CHER.example.",
       "xn--bcher-kva.example."},
      {"utf8_domain_to_alabel", "EXAMPLE.com", "EXAMPLE.com"},
      {"utf8_domain_from_alabel", "xn--bcher-kva.example",
       "b\xc3\xbc"
       "cher.example"},
      {"utf8_domain_from_alabel", "", ""},
      {"utf8_localpart_to_alabel", "andr\xc3\xa9", "xn--andr-epa"},
      {"utf8_localpart_to_alabel", "Andr\xc3\x89", "xn--Andr-tka"},
      {"utf8_localpart_to_alabel", "andre", "andre"},
      {"utf8_localpart_from_alabel", "xn--andr-epa", "andr\xc3\xa9"},
  });
  expect_errors({
      {"base32", "x"},
      {"base32", "33 "},
      {"base32", "1k"},
      {"base32d", "A"},
      {"base32d", "1"},
      {"base62", "x"},
      {"base62d", "!"},
      {"base62d", "zzzzzzzzzzzzzzzz"},
      {"base64d", "YW"},
      {"base64d", "Y*Jj"},
      {"base64d", "YQ="},
      {"base64d", "="},
      {"base64d", "YQ==x"},
      {"base64d", "YWJjYQ==YWJj"},
      {"base64d", "YWJj="},
      {"hex2b64", "616"},
      {"hex2b64", "6g"},
      {"utf8_domain_to_alabel", "\xff"},
      {"utf8_domain_from_alabel", "xn--\x80"},
      {"utf8_domain_from_alabel", "xn--zzzzzz-99999999"},
      {"utf8_localpart_to_alabel", "\xff"},
      {"utf8_localpart_from_alabel", "andre"},
      {"utf8_localpart_from_alabel", "xn--99999999999"},
  });
}

TEST(Operators, QuoteTexts) {
  expect({
      {"escape", "a\tb\n\x01\x80z", "a\tb\\n\\001\\200z"},
      {"escape", "a\\b\"c\r\v\f\b\x7f\x1b", "a\\b\"c\\r\\v\\f\\b\\177\\033"},
      {"escape8bit", "a\\b\r\n\x7f\x1b\xe9\t", "a\\134b\r\n\\177\x1b\\351\t"},
      {"hexquote", "a b\n~\x7f", "a\\x20b\\x0a~\\x7f"},
      {"rxquote", "a.b*c(d)_\xe9", "a\\.b\\*c\\(d\\)\\_\\\xe9"},
      {"quote", "a.b-c_d", "a.b-c_d"},
      {"quote", "", "\"\""},
      {"quote", "a@b", "\"a@b\""},
      {"quote", "\t\r\na\\b\"", "\"\t\\r\\na\\\\b\\\"\""},
      {"quote_local_part", "abc", "abc"},
      {"quote_local_part", "a..b", "a..b"},
      {"quote_local_part", ".a", "\".a\""},
      {"quote_local_part", "a.", "\"a.\""},
      {"quote_local_part", "", "\"\""},
      {"quote_local_part", "a\"b\\c", "\"a\\\"b\\\\c\""},
      {"quote_local_part", "a!#$%&'*+/=?^_`{|}~-b", "a!#$%&'*+/=?^_`{|}~-b"},
      {"quote_local_part", "caf\xc3\xa9", "\"caf\xc3\xa9\""},
      {"quote_lsearch", "a b", "a b"},
      {"quote_dnsdb", "a b", "a b"},
      {"rfc2047", "abc", "abc"},
      {"rfc2047", "caf\xc3\xa9", "=?UTF-8?Q?caf=C3=A9?="},
      {"rfc2047d", "=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"},
      {"headerwrap", "short text", "short text"},
      {"headerwrap_10", "aaaa bbbb cccc dddd", "aaaa bbbb\n cccc dddd"},
      {"headerwrap_10", "aaaaaaaaaaaaaaa bbb", "aaaaaaaaaaaaaaa\n bbb"},
      {"headerwrap_10_0", "aaaa\n bbbbbb cccc", "aaaa\n bbbbbb\n cccc"},
      {"headerwrap_4_8", "aaaaaaaaaaaa", "aaaaaaaa\n aaaa"},
  });
  policy::TextSettings settings;
  settings.print_topbitchars = true;
  EXPECT_EQ(
      policy::apply_operator(*policy::parse_operator("escape"), "\xc3\n", settings)
          .value(),
      "\xc3\\n");
}

TEST(Operators, ReckonAndTime) {
  expect({
      {"eval", "1+2*3", "7"},
      {"eval10", "010", "10"},
      {"eval_1", "2", "2"},
      {"time_eval", "1d2h3m4s", "93784"},
      {"time_eval", "0s", "0"},
      {"time_eval", "1w1w", "1209600"},
      {"time_interval", "694861", "1w1d1h1m1s"},
      {"time_interval", "0", "0s"},
      {"time_interval", "", "0s"},
  });
  expect_errors({
      {"eval", "1/0"},
      {"eval10", "0x1"},
      {"time_eval", ""},
      {"time_eval", "1"},
      {"time_eval", "1h 2m"},
      {"time_eval", " 1h"},
      {"time_eval", "99999999999999999w"},
      {"time_interval", "-5"},
      {"time_interval", "5k"},
      {"time_interval", "5 "},
      {"time_interval", "18446744073709551615"},
  });
}

TEST(Operators, ReadAddresses) {
  expect({
      {"address", "Full Name <user@example.com>", "user@example.com"},
      {"address", "a@b@c", ""},
      {"local_part", "\"x y\"@e.f", "\"x y\""},
      {"local_part", "user", "user"},
      {"domain", "user", ""},
      {"domain", "a@B.C.", ""},
      {"domain", "<@r:x@Y>", "Y"},
      {"addresses", "a@b, bad bad, c@d", "a@b:c@d"},
      {"addresses", ">& a@b, c@d", "a@b&c@d"},
      {"addresses", " >; a@b,c@d", "a@b;c@d"},
      {"addresses", ">  a@b, c@d", "a@b c@d"},
      {"addresses", "\"a:b\"@c, d@[IPv6:::1]", "\"a::b\"@c:d@[IPv6::::::1]"},
      {"addresses", ">;d@[IPv6:::1], e@f", "d@[IPv6:::1];e@f"},
      {"addresses", ">a x@ab, c@d", "x@aabac@d"},
      {"addresses", "", ""},
      {"mask", "192.0.2.1/24", "192.0.2.0/24"},
      {"mask", "192.0.2.1/0", "0.0.0.0/0"},
      {"mask", "192.0.2.1/08", "192.0.0.0/8"},
      {"mask", "2001:db8:1:2::3/48", "2001.0db8.0001.0000.0000.0000.0000.0000/48"},
      {"mask_n", "2001:db8:1:2::3/48", "2001:db8:1::/48"},
      {"mask_n", "::/0", "::/0"},
      {"mask_n", "192.0.2.1/24", "192.0.2.0/24"},
      {"ipv6norm", "2001:db8::1", "2001:db8::1"},
      {"ipv6norm", "1.2.3.4", "::ffff:102:304"},
      {"ipv6norm", "fe80::1%eth0", "fe80::1"},
      {"ipv6denorm", "192.0.2.1", "0000:0000:0000:0000:0000:ffff:c000:0201"},
      {"reverse_ip", "192.0.2.4", "4.2.0.192"},
      {"reverse_ip", "1.2.3.4/8", "4.3.2.1"},
      {"reverse_ip", "::ffff:1.2.3.4", "4.3.2.1"},
  });
  expect_errors({
      {"addresses", ">"},
      {"mask", "192.0.2.1"},
      {"mask", "192.0.2.1/33"},
      {"mask", "junk/8"},
      {"ipv6norm", "x"},
      {"ipv6norm", "2001:db8::1/64"},
      {"ipv6denorm", " ::1"},
      {"reverse_ip", "junk"},
  });
}

TEST(Operators, AreRefusedByName) {
  struct Bad {
    std::string_view name, words;
  };
  for (auto [name, words] : {
           Bad{"nosuch", "unknown operator 'nosuch'"},
           Bad{"LC", "unknown operator 'LC'"},
           Bad{"", "unknown operator"},
           Bad{"_", "unknown operator"},
           Bad{"expand", "not part of the policy language"},
           Bad{"randint", "not part of the policy language"},
           Bad{"adress", "did you mean 'address'?"},
           Bad{"length", "length_NUMBER"},
           Bad{"length_x", "length_NUMBER"},
           Bad{"length_-1", "length_NUMBER"},
           Bad{"length_1_2", "length_NUMBER"},
           Bad{"substr", "substr_OFFSET_LENGTH"},
           Bad{"substr_1x", "substr_OFFSET_LENGTH"},
           Bad{"substr_2_", "substr_OFFSET_LENGTH"},
           Bad{"substr_", "substr_OFFSET_LENGTH"},
           Bad{"substr_-", "substr_OFFSET_LENGTH"},
           Bad{"substr_1_-1", "substr_OFFSET_LENGTH"},
           Bad{"substr_1_2_3", "substr_OFFSET_LENGTH"},
           Bad{"hash", "hash_LENGTH_LETTERS"},
           Bad{"hash_3_63", "63 letters are too many"},
           Bad{"hash_3_0", "too small"},
           Bad{"nhash_0", "nhash"},
           Bad{"nhash_8_0", "nhash"},
           Bad{"h_subject", "hash_LENGTH_LETTERS"},
           Bad{"sha2_999", "sha2"},
           Bad{"lc_x", "'lc'"},
           Bad{"mask_x", "'mask'"},
           Bad{"quote_nosuch", "unknown lookup type 'nosuch'"},
           Bad{"quote_TYPE", "unknown lookup type"},
       }) {
    auto call = policy::parse_operator(name);
    ASSERT_FALSE(call) << name;
    EXPECT_EQ(call.error().code, base::Code::syntax);
    EXPECT_THAT(call.error().text, testing::HasSubstr(words)) << name;
  }
}

TEST(Operators, AreDescribedOnceEach) {
  std::set<std::string_view> names;
  for (const policy::OperatorInfo& info : policy::operators()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    bool fresh = info.short_name.empty() || names.insert(info.short_name).second;
    EXPECT_TRUE(fresh) << info.short_name;
    EXPECT_FALSE(info.summary.empty()) << info.name;
    EXPECT_TRUE(info.form.starts_with(info.name)) << info.name;
  }
}

// Whatever a client sends, an operator answers with a text or an error.
TEST(Operators, SurviveRandomBytes) {
  std::mt19937 random(3);  // NOLINT(bugprone-random-generator-seed): the same each time
  std::vector<policy::Operator> calls;
  for (const policy::OperatorInfo& info : policy::operators()) {
    std::string name(info.name);
    if (info.arguments == policy::OperatorInfo::Arguments::type) name = "quote_lsearch";
    if (info.arguments == policy::OperatorInfo::Arguments::one) name += "_3";
    if (info.arguments == policy::OperatorInfo::Arguments::one_or_two) name += "_3_5";
    if (info.arguments == policy::OperatorInfo::Arguments::two_optional)
      name += "_8_20";
    calls.push_back(policy::parse_operator(name).value());
  }
  constexpr std::string_view kTricky =
      "<>@\"\\()[],;:.=?-_ \t\n%/+0189aAzZxnk*{}|^~&\xc3\xa9\xf0\x80";
  policy::TextSettings settings;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    std::size_t size = random() % 40;
    bool any_byte = random() % 4 == 0;
    for (std::size_t i = 0; i < size; ++i)
      text +=
          any_byte ? static_cast<char>(random()) : kTricky[random() % kTricky.size()];
    if (random() % 8 == 0) text = "=?utf-8?" + text + "?=";
    if (random() % 8 == 0) text = "xn--" + text;
    for (const policy::Operator& call : calls) {
      auto result = policy::apply_operator(call, text, settings);
      EXPECT_TRUE(result || !result.error().text.empty()) << call.info->name;
    }
    // What has a way back comes back.
    auto base64 =
        policy::apply_operator(*policy::parse_operator("base64"), text, settings);
    auto back =
        policy::apply_operator(*policy::parse_operator("base64d"), *base64, settings);
    EXPECT_EQ(back.value(), text);
  }
}
