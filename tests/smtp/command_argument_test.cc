// SPDX-License-Identifier: Apache-2.0
#include "smtp/command_argument.h"

#include <gtest/gtest.h>

#include <string_view>

// Policy.md 11, group protocol; as Exim 4.96 answered.
TEST(CommandArgument, IsWhatFollowsTheName) {
  struct Row {
    std::string_view line, argument;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"MAIL FROM:<a@b.example> SIZE=3", "<a@b.example> SIZE=3"},
           {"mail   from:   <>  ", "<>"},
           {"rcpt to: <x@y.example>", "<x@y.example>"},
           {"RCPT x@y.example", "x@y.example"},
           {"MAIL TO:<a@b.example>", "TO:<a@b.example>"},
           {"VRFY  x y ", "x y"},
           {"EHLO\tc.example", "c.example"},
           {"QUIT", ""},
           {"", ""},
       })
    EXPECT_EQ(smtp::command_argument(row.line), row.argument) << row.line;
}
