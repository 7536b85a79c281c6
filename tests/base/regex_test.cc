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
