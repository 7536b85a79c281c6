// SPDX-License-Identifier: Apache-2.0
#include "policy/text_parts.h"

#include <gtest/gtest.h>

#include <vector>

using policy::PartKind;

TEST(TextParts, ItemsTakeTheirNumbersAsText) {
  struct Row {
    PartKind kind;
    std::vector<std::string> arguments;
    std::string_view result;
  };
  for (const Row& row : {
           Row{PartKind::substr, {"1", "2", "abcdef"}, "bc"},
           Row{PartKind::substr, {"-2", "abcdef"}, "abcd"},
           Row{PartKind::substr, {"-2", "1", "abcdef"}, "e"},
           Row{PartKind::substr, {"+1", "2", "abc"}, "bc"},
           Row{PartKind::substr, {"", "2", "abc"}, "ab"},
           Row{PartKind::substr, {"-0", "abc"}, "abc"},
           Row{PartKind::length, {"3", "abcdef"}, "abc"},
           Row{PartKind::hash, {"3", "monty"}, "jmg"},
           Row{PartKind::hash, {"3", "26", "abcdef"}, "fmc"},
           Row{PartKind::nhash, {"8", "64", "abc"}, "7/44"},
           Row{PartKind::nhash, {"10", "abc"}, "6"},
       })
    EXPECT_EQ(policy::part_item(row.kind, row.arguments).value_or("error"), row.result)
        << row.arguments[0];
  for (const Row& row : {
           Row{PartKind::substr, {"x", "1", "abc"}, ""},
           Row{PartKind::substr, {" 1 ", "2", "abc"}, ""},
           Row{PartKind::substr, {"1k", "abc"}, ""},
           Row{PartKind::substr, {"1", "-1", "abc"}, ""},
           Row{PartKind::substr, {"abc"}, ""},
           Row{PartKind::substr, {"1", "2", "3", "abc"}, ""},
           Row{PartKind::length, {"-1", "abc"}, ""},
           Row{PartKind::length, {"1", "2", "abc"}, ""},
           Row{PartKind::hash, {"3", "70", "abc"}, ""},
           Row{PartKind::hash, {"-3", "abc"}, ""},
           Row{PartKind::nhash, {"0", "abc"}, ""},
           Row{PartKind::nhash, {"4294967296", "4294967296", "abc"}, ""},
           Row{PartKind::nhash, {}, ""},
       })
    EXPECT_FALSE(policy::part_item(row.kind, row.arguments)) << row.arguments.size();
}

TEST(TextParts, TranslatesCharacters) {
  EXPECT_EQ(policy::translate("hello", "el", "ip"), "hippo");
  EXPECT_EQ(policy::translate("abcd", "abcd", "xy"), "xyyy");
  EXPECT_EQ(policy::translate("abc", "b", ""), "abc");
  EXPECT_EQ(policy::translate("aab", "aa", "xy"), "yyb");
  EXPECT_EQ(policy::translate("hello", "", "x"), "hello");
  EXPECT_EQ(policy::translate("a\xff", "\xff", "b"), "ab");
}
