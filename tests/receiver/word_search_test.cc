// SPDX-License-Identifier: Apache-2.0
#include "receiver/word_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace {

using receiver::plain_pattern;
using receiver::PlainText;
using receiver::WordSearch;
using testing::ElementsAre;

std::string plain(std::string_view text) {
  std::string out;
  PlainText().add(text, out);
  return out;
}

TEST(PlainText, IsLowerCaseWithSingleBlanks) {
  const std::pair<const char*, const char*> rows[] = {
      {"Buy NOW!!", "buy now "},
      {"a\r\n b", "a b"},
      {"\xc3\x84\xc3\x96 \xd0\x9f\xd0\xa0\xd0\x98",
       "\xc3\xa4\xc3\xb6 \xd0\xbf\xd1\x80\xd0\xb8"},
      {"v\xc2\xadi\xe2\x80\x8b"
       "a",
       "via"},  // soft hyphen, zero width space
      {"a\xff\xfe"
       "b",
       "a b"},
      {"caf\xc3", "caf "},
      {"\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"},
      {"\xe2\x82\xac"
       "5",
       " 5"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(plain(text), expected) << text;
}

TEST(PlainText, PatternsHaveTheirBlanks) {
  EXPECT_EQ(plain_pattern("Buy  NOW!"), " buy now ");
  EXPECT_EQ(plain_pattern("*pill"), "pill ");
  EXPECT_EQ(plain_pattern("pill*"), " pill");
  EXPECT_EQ(plain_pattern("*pill*"), "pill");
  EXPECT_EQ(plain_pattern("$$$"), "");
  EXPECT_EQ(plain_pattern(""), "");
  EXPECT_EQ(plain_pattern("*"), "");
}

std::vector<std::size_t> find(const std::vector<std::string>& patterns,
                              std::string_view text, std::size_t piece) {
  WordSearch search(patterns);
  std::vector<std::size_t> all;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    search.feed(text.substr(0, piece), [&](std::size_t one) { all.push_back(one); });
  std::ranges::sort(all);
  return all;
}

TEST(WordSearch, FindsAllThatEndAnywhere) {
  std::vector<std::string> patterns = {"he", "she", "his", "hers", "", "he"};
  for (std::size_t piece : {1U, 2U, 100U}) {
    EXPECT_THAT(find(patterns, "ushers", piece), ElementsAre(0U, 1U, 3U, 5U));
    EXPECT_THAT(find({" a ", " b "}, " a b a ", piece), ElementsAre(0U, 0U, 1U));
  }
  EXPECT_THAT(find({}, "anything", 3), ElementsAre());
}

TEST(WordSearch, FindsWhatAPlainSearchFinds) {
  std::mt19937 random(7);
  auto letters = [&](std::size_t length) {
    std::string text;
    while (text.size() < length) text += static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> patterns;
    for (std::size_t i = 0; i < 20; ++i) patterns.push_back(letters(1 + random() % 6));
    std::string text = letters(100);
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < patterns.size(); ++i)
      for (std::size_t at = text.find(patterns[i]); at != std::string::npos;
           at = text.find(patterns[i], at + 1))
        expected.push_back(i);
    ASSERT_EQ(find(patterns, text, 7), expected);
  }
}

}  // namespace
