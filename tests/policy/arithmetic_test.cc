// SPDX-License-Identifier: Apache-2.0
#include "policy/arithmetic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

using policy::Radix;
using namespace std::chrono_literals;

TEST(Arithmetic, EvaluatesSums) {
  struct Row {
    std::string_view sum;
    std::int64_t value;
  };
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kSmallest = std::numeric_limits<std::int64_t>::min();
  for (auto [sum, value] : {
           Row{"1+2*3", 7},
           Row{"(1+2)*3", 9},
           Row{"-7/2", -3},
           Row{"-7%3", -1},
           Row{"2*-3", -6},
           Row{"- - 3", 3},
           Row{"3--2", 5},
           Row{"-(1)", -1},
           Row{"~ 1", -2},
           Row{"~(1+2)*3", -12},
           Row{"017", 15},
           Row{"00", 0},
           Row{"0x1F", 31},
           Row{"0xfk", 15360},
           Row{"077k", 64512},
           Row{"2K+1", 2049},
           Row{"1g", 1073741824},
           Row{"1|2&3^4", 7},
           Row{"5&4<<1", 0},
           Row{"1<<2+1", 8},
           Row{"1<<2<<1", 8},
           Row{"8/2/2", 2},
           Row{"8-2-2", 4},
           Row{"2*3%4", 2},
           Row{"-5>>1", -3},
           Row{" 1\n+\t\v2 ", 3},
           Row{"9223372036854775807", kLargest},
           Row{"-9223372036854775807-1", kSmallest},
           Row{"-9223372036854775808", kSmallest},
           Row{"4611686018427387904+1", 4611686018427387905},
           Row{"(-9223372036854775807-1)%-1", 0},
           Row{"-1>>63", -1},
       }) {
    auto result = policy::evaluate_sum(sum, Radix::as_written);
    ASSERT_TRUE(result) << result.error().text;
    EXPECT_EQ(*result, value) << sum;
  }
  EXPECT_EQ(policy::evaluate_sum("010+1k", Radix::decimal).value_or(0), 1034);
}

TEST(Arithmetic, RefusesWhatIsNoSumOrDoesNotFit) {
  struct Row {
    std::string_view sum, words;
  };
  for (auto [sum, words] : {
           Row{"", "expecting number or opening parenthesis"},
           Row{"   ", "expecting number"},
           Row{"1+", "expecting number"},
           Row{"()", "expecting number"},
           Row{"(1+2", "closing parenthesis"},
           Row{"1+2)", "expecting operator"},
           Row{"1 2", "expecting operator"},
           Row{"1.5", "expecting operator"},
           Row{"1==1", "expecting operator"},
           Row{"1 <  < 2", "expecting operator"},
           Row{"019", "expecting operator"},
           Row{"08", "expecting operator"},
           Row{"1 k", "expecting operator"},
           Row{"0x", "hexadecimal"},
           Row{"1/0", "divide by zero"},
           Row{"1%0", "modulo by zero"},
           Row{"9223372036854775808", "too large"},
           Row{"9223372036854775807k", "too large"},
           Row{"0xffffffffffffffff", "too large"},
           Row{"9223372036854775807+1", "overflow in sum"},
           Row{"-9223372036854775807-2", "overflow in sum"},
           Row{"9223372036854775807*2", "overflow in product"},
           Row{"(-9223372036854775807-1)/-1", "overflow"},
           Row{"-(-9223372036854775807-1)", "overflow"},
           Row{"1<<64", "shift"},
           Row{"1<<-1", "shift"},
           Row{"1<<63", "overflow in shift"},
       }) {
    auto result = policy::evaluate_sum(sum, Radix::as_written);
    ASSERT_FALSE(result) << sum;
    EXPECT_EQ(result.error().code, base::Code::syntax);
    EXPECT_THAT(result.error().text, testing::HasSubstr(words)) << sum;
  }
  EXPECT_FALSE(policy::evaluate_sum("0x1F", Radix::decimal));
  EXPECT_FALSE(
      policy::evaluate_sum(std::string(100'000, '('), Radix::as_written).has_value());
  EXPECT_FALSE(
      policy::evaluate_sum(std::string(100'000, '-'), Radix::as_written).has_value());
}

TEST(Arithmetic, ReadsTheNumbersOfConditions) {
  struct Row {
    std::string_view text;
    std::int64_t number;
  };
  for (auto [text, number] : {
           Row{"", 0},
           Row{" ", 0},
           Row{"5", 5},
           Row{"+5", 5},
           Row{"-5", -5},
           Row{"010", 10},
           Row{" 1k\t\n", 1024},
           Row{"1m", 1048576},
           Row{"-1K", -1024},
           Row{"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
           Row{"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
           Row{"-8589934592G", std::numeric_limits<std::int64_t>::min()},
       })
    EXPECT_EQ(policy::parse_number(text).value_or(-1), number) << text;
  for (std::string_view text :
       {"-", "+", "+-1", "- 1", "k", "1 k", "1kk", "1t", "1.5", "1,000", "0x10", "abc",
        "1 x", "9223372036854775808", "8589934592G", "-9223372036854775809",
        "99999999999999999999"})
    EXPECT_FALSE(policy::parse_number(text)) << text;
}

TEST(Arithmetic, ReadsPlainIntegers) {
  EXPECT_EQ(policy::plain_integer("12"), 12);
  EXPECT_EQ(policy::plain_integer("-3"), -3);
  EXPECT_EQ(policy::plain_integer("99999999999999999999"),
            std::numeric_limits<std::int64_t>::max());
  for (std::string_view text : {"", "-", "+1", " 1", "1 ", "1k", "0x1"})
    EXPECT_EQ(policy::plain_integer(text), std::nullopt) << text;
}

TEST(Arithmetic, FormatsIntervals) {
  EXPECT_EQ(policy::format_interval(0s), "0s");
  EXPECT_EQ(policy::format_interval(60s), "1m");
  EXPECT_EQ(policy::format_interval(25h), "1d1h");
  EXPECT_EQ(policy::format_interval(694861s), "1w1d1h1m1s");
}
