// SPDX-License-Identifier: Apache-2.0
#include "policy/escapes.h"

#include <gtest/gtest.h>

TEST(Escapes, StandForOneByteAndLeaveTheRest) {
  struct Row {
    std::string_view text;  // behind the backslash
    char byte;
    std::string_view rest;
  };
  for (auto [text, byte, rest] : {
           Row{"n!", '\n', "!"},
           Row{"t", '\t', ""},
           Row{"b", '\b', ""},
           Row{"f", '\f', ""},
           Row{"r", '\r', ""},
           Row{"v", '\v', ""},
           Row{"1019", 'A', "9"},
           Row{"1x", '\1', "x"},
           Row{"377", '\xff', ""},
           Row{"x41f", 'A', "f"},
           Row{"x4g", '\4', "g"},
           Row{"xg", '\0', "g"},
           Row{"8", '8', ""},
           Row{"\\n", '\\', "n"},
           Row{"\"", '"', ""},
       }) {
    std::string_view left = text;
    EXPECT_EQ(policy::take_escape(left), byte) << text;
    EXPECT_EQ(left, rest) << text;
  }
}
