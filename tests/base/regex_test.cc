// SPDX-License-Identifier: Apache-2.0
#include "base/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

using base::Code;
using base::Regex;

TEST(Regex, MatchesAnywhereOverBytes) {
  struct Row {
    std::string_view pattern, text;
    bool matches;
  };
  using namespace std::string_view_literals;
  for (auto [pattern, text, matches] : {
           Row{"b+", "abbc", true},
           Row{"^b", "ab", false},
           Row{"", "", true},
           Row{"^a.c$",
               "a\xff"
               "c",
               true},
           Row{"x\\x00y", "x\0y"sv, true},
           Row{"(?i)ABC", "abc", true},
           Row{"ABC", "abc", false},
       }) {
    auto regex = Regex::compile(pattern);
    ASSERT_TRUE(regex) << pattern;
    EXPECT_EQ(regex->matches(text), matches) << pattern;
  }
  EXPECT_TRUE(Regex::compile("ABC", Regex::Case::insensitive)->matches("xabcx"));
}

TEST(Regex, ABadPatternIsAUsageErrorWithItsOffset) {
  auto regex = Regex::compile("ab(c");
  ASSERT_FALSE(regex);
  EXPECT_EQ(regex.error().code, Code::usage);
  EXPECT_THAT(regex.error().text, testing::HasSubstr("'ab(c' is not a regular"));
  EXPECT_THAT(regex.error().text, testing::HasSubstr("offset 4"));
}

TEST(Regex, GivesUpOnCatastrophicPatterns) {
  std::string text(50'000, 'a');
  text += '!';
  for (auto pattern : {"^(a+)+$", "^(a|aa)+$", "(.*)*x", "(x+x+)+y"})
    EXPECT_FALSE(Regex::compile(pattern)->matches(text)) << pattern;
}

TEST(Regex, DeepNestingNeitherCompilesNorCrashes) {
  std::string deep = std::string(20'000, '(') + std::string(20'000, ')');
  EXPECT_FALSE(Regex::compile(deep));
  // A long subject under a group that JIT keeps on its stack.
  (void)Regex::compile("^(?:(a)|b)*c")->matches(std::string(2'000'000, 'a'));
}

TEST(Regex, ABadPatternSaysWhere) {
  std::size_t offset = 0;
  EXPECT_FALSE(Regex::compile("ab(c", Regex::Case::sensitive, &offset));
  EXPECT_EQ(offset, 4U);
}

TEST(Regex, CapturesGroupsAsPartsOfTheText) {
  struct Row {
    std::string_view pattern, text;
    std::size_t count;
    std::vector<std::string_view> groups;
  };
  for (const Row& row : {
           Row{"b(.)d", "abcde", 2, {"bcd", "c", "", ""}},
           Row{"(a)|(b)", "b", 3, {"b", "", "b", ""}},
           Row{"(a)|(b)", "a", 2, {"a", "a", "", ""}},
           Row{"x", "abc", 0, {"", "", "", ""}},
           Row{"(a)(b)(c)(d)(e)", "abcde", 6, {"abcde", "a", "b", "c"}},
           Row{"", "abc", 1, {"", "", "", ""}},
       }) {
    std::string_view groups[4];
    auto count = Regex::compile(row.pattern)->match(row.text, groups);
    ASSERT_TRUE(count) << row.pattern;
    EXPECT_EQ(*count, row.count) << row.pattern;
    if (*count == 0) continue;
    EXPECT_THAT(groups, testing::ElementsAreArray(row.groups));
  }
}

TEST(Regex, AGroupThatTookNoPartIsTold) {
  std::string_view groups[3];
  ASSERT_TRUE(Regex::compile("(a)|(b*)")->match("c", groups));
  EXPECT_EQ(groups[1].data(), nullptr);
  EXPECT_NE(groups[2].data(), nullptr);
}

TEST(Regex, GoesOnBehindAMatchAsReplacingAllOfThemNeedsIt) {
  auto regex = Regex::compile("x*");
  std::string_view text = "axb";
  std::vector<std::string> found;
  Regex::From from;
  while (from.offset <= text.size()) {
    std::string_view group[1];
    auto count = regex->match(text, group, from);
    ASSERT_TRUE(count);
    if (*count == 0) {  // nothing that takes a byte is here
      ++from.offset;
      from.here_not_empty = false;
      continue;
    }
    found.emplace_back(group[0]);
    from.offset =
        static_cast<std::size_t>(group[0].data() - text.data()) + group[0].size();
    from.here_not_empty = group[0].empty();
  }
  EXPECT_THAT(found, testing::ElementsAre("", "x", "", ""));
}

TEST(Regex, ALimitIsAnErrorAndNotNoMatch) {
  std::string text(50'000, 'a');
  text += '!';
  for (auto pattern : {"^(a+)+$", "^(a|aa)+$"}) {
    auto found = Regex::compile(pattern)->match(text, {});
    ASSERT_FALSE(found) << pattern;
    EXPECT_EQ(found.error().code, Code::permanent);
    EXPECT_THAT(found.error().text, testing::HasSubstr("gave up"));
  }
}

TEST(RegexThreads, OneExpressionServesManyThreads) {
  auto regex = Regex::compile("^(.+)@example\\.org$");
  ASSERT_TRUE(regex);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        EXPECT_TRUE(regex->matches("user" + std::to_string(n) + "@example.org"));
        EXPECT_FALSE(regex->matches("user" + std::to_string(n) + "@example.net"));
      }
    });
  for (auto& thread : threads) thread.join();
}
