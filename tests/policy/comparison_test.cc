// SPDX-License-Identifier: Apache-2.0
#include "policy/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

bool holds(std::string_view name, std::string_view a, std::string_view b) {
  return policy::compare(policy::find_comparison(name).value(), a, b).value();
}

}  // namespace

TEST(Comparison, ComparesNumbersBytesAndLetters) {
  struct Row {
    std::string_view name, a, b;
    bool holds;
  };
  for (auto [name, a, b, expected] : {
           Row{"=", "010", "10", true},
           Row{"==", "1k", "1024", true},
           Row{"<", "-5", "-4", true},
           Row{"<=", "6", "5", false},
           Row{">", "10", "9", true},
           Row{">=", "", "0", true},
           Row{"eq", "ABC", "abc", false},
           Row{"eqi", "ABC", "abc", true},
           Row{"eqi", "\xc3\x89", "\xc3\xa9", false},
           Row{"lt", "10", "9", true},
           Row{"lt", "a", "\xe9", true},
           Row{"lt", "B", "a", true},
           Row{"lti", "B", "a", false},
           Row{"lt", "a", "ab", true},
           Row{"le", "a", "a", true},
           Row{"lei", "B", "b", true},
           Row{"gt", "b", "A", true},
           Row{"gti", "b", "B", false},
           Row{"ge", "a", "b", false},
           Row{"gei", "b", "B", true},
       })
    EXPECT_EQ(holds(name, a, b), expected) << a << ' ' << name << ' ' << b;
  EXPECT_EQ(policy::find_comparison("EQ"), std::nullopt);
  EXPECT_EQ(policy::find_comparison("==="), std::nullopt);
  EXPECT_FALSE(policy::compare(*policy::find_comparison("="), "1", "abc"));
}

TEST(Comparison, SortsStablyOnlyWhenStrict) {
  struct Row {
    std::string_view name;
    std::vector<std::string> keys;
    std::vector<std::size_t> order;
  };
  for (const Row& row : {
           Row{"gt", {"c", "a", "b"}, {0, 2, 1}},
           Row{"<", {"10", "9", "100"}, {1, 0, 2}},
           Row{"lti", {"b", "A", "c"}, {1, 0, 2}},
           Row{"<", {"1", "1", "0"}, {2, 0, 1}},
           Row{"<=", {"1", "1", "0"}, {2, 1, 0}},
           Row{">", {"0", "1", "1"}, {1, 2, 0}},
           Row{">=", {"0", "1", "1"}, {2, 1, 0}},
           Row{"lt", {}, {}},
       })
    EXPECT_EQ(policy::sorted_order(*policy::find_comparison(row.name), row.keys)
                  .value_or(std::vector<std::size_t>{99}),
              row.order)
        << row.name;
  auto order = [](std::string_view name, const std::vector<std::string>& keys) {
    return policy::sorted_order(*policy::find_comparison(name), keys).has_value();
  };
  EXPECT_FALSE(order("=", {"1", "2"}));
  EXPECT_FALSE(order("lt", {"a", ""}));
  EXPECT_FALSE(order("<", {"1", "x"}));
}

TEST(Comparison, JudgesTruthStrictlyAndLaxly) {
  struct Row {
    std::string_view text;
    int strict;  // -1: an error
    bool lax;
  };
  for (auto [text, strict, lax] : {
           Row{"yes", 1, true},
           Row{"YES", 1, true},
           Row{"True", 1, true},
           Row{"no", 0, false},
           Row{"FALSE", 0, false},
           Row{"", 0, false},
           Row{" \t ", 0, false},
           Row{" yes ", 1, true},
           Row{" no ", 0, false},
           Row{"0", 0, false},
           Row{"00", 0, true},
           Row{"-0", 0, true},
           Row{"-1", 1, true},
           Row{"007", 1, true},
           Row{"\n0\n", 0, false},
           Row{"-", 0, false},
           Row{"+1", -1, true},
           Row{"maybe", -1, true},
           Row{"on", -1, true},
           Row{"nope", -1, true},
           Row{"1k", -1, true},
           Row{"- 1", -1, true},
           Row{"18446744073709551616", 1, true},
       }) {
    auto strict_result = policy::strict_truth(text);
    EXPECT_EQ(strict_result ? int{*strict_result} : -1, strict) << text;
    EXPECT_EQ(policy::lax_truth(text), lax) << text;
  }
}
