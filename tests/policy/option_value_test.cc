// SPDX-License-Identifier: Apache-2.0
#include "policy/option_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace std::chrono_literals;
using base::Code;
using policy::SourceText;

TEST(OptionValue, TakesAnOptionLineApart) {
  struct Row {
    std::string_view line, name;
    std::optional<std::string> value;
  };
  for (const Row& row : {
           Row{"name = value", "name", "value"},
           Row{"name=value # y", "name", "value # y"},
           Row{"name =", "name", ""},
           Row{"no_name", "no_name", std::nullopt},
           Row{"hide name = x", "name", "x"},
           Row{"hide = x", "hide", "x"},
           Row{R"(name = "a b")", "name", "a b"},
           Row{R"(name = x "a")", "name", R"(x "a")"},
       }) {
    auto option = policy::parse_option_line(SourceText(row.line, 0, 1));
    ASSERT_TRUE(option) << option.error().text;
    EXPECT_EQ(option->name, row.name);
    ASSERT_EQ(option->value.has_value(), row.value.has_value()) << row.line;
    if (row.value) {
      EXPECT_EQ(option->value->bytes(), *row.value) << row.line;
    }
  }
  struct Bad {
    std::string_view line, words;
  };
  for (auto [line, words] : {
           Bad{"name x", "'=' is missing after 'name'"},
           Bad{"= x", "not an option"},
           Bad{".ifdefined X", "not an option"},
           Bad{"name = \"x", "closing quote is missing"},
           Bad{"name = \"x\" y", "'y' follows the closing quote"},
       }) {
    auto option = policy::parse_option_line(SourceText(line, 0, 1));
    ASSERT_FALSE(option) << line;
    EXPECT_THAT(option.error().text, testing::HasSubstr(words));
  }
}

TEST(OptionValue, UndoesEscapesInQuotes) {
  struct Row {
    std::string_view in, out;
  };
  for (auto [in, out] : {
           Row{R"("")", ""},
           Row{R"("a\tb\n\\\"")", "a\tb\n\\\""},
           Row{R"("\101\x42\x4a\q")", "ABJq"},
           Row{R"("\1012\x411")", "A2A1"},
           Row{R"("\b\f\r\v")", "\b\f\r\v"},
       }) {
    auto text = policy::parse_quoted(SourceText(in, 0, 1));
    ASSERT_TRUE(text) << text.error().text;
    EXPECT_EQ(text->bytes(), out);
  }
  for (std::string_view in : {R"("\0")", R"("\x")", R"("\")", R"(")"})
    EXPECT_FALSE(policy::parse_quoted(SourceText(in, 0, 1))) << in;
}

TEST(OptionValue, ReadsBooleans) {
  for (std::string_view text : {"yes", "true", "YES", "True"})
    EXPECT_TRUE(policy::parse_boolean(text).value()) << text;
  for (std::string_view text : {"no", "false", "No"})
    EXPECT_FALSE(policy::parse_boolean(text).value()) << text;
  for (std::string_view text : {"", "1", "on", "yes "})
    EXPECT_FALSE(policy::parse_boolean(text)) << text;
}

TEST(OptionValue, ReadsIntegers) {
  struct Row {
    std::string_view text;
    std::uint64_t number;
  };
  for (auto [text, number] :
       {Row{"0", 0}, Row{"500", 500}, Row{"0x1F4", 500}, Row{"010", 8},
        Row{"10k", 10240}, Row{"0x10K", 16384}, Row{"50M", 52428800},
        Row{"1g", 1073741824}, Row{"18446744073709551615", 18446744073709551615U}})
    EXPECT_EQ(policy::parse_integer(text).value_or(~number), number) << text;
  for (std::string_view text : {"", "k", "many", "-1", "+1", "1 k", "1.5", "0x", "08",
                                "1kk", "18446744073709551616", "18446744073709551615k"})
    EXPECT_FALSE(policy::parse_integer(text)) << text;
}

TEST(OptionValue, ReadsTimes) {
  struct Row {
    std::string_view text;
    std::chrono::seconds time;
  };
  for (auto [text, time] : {Row{"0s", 0s}, Row{"45s", 45s}, Row{"5m", 300s},
                            Row{"1d12h", 36h}, Row{"1w", 168h}})
    EXPECT_EQ(policy::parse_time(text).value_or(-1s), time) << text;
  for (std::string_view text : {"", "5", "soon", "1h30", "1d 12h", "-1s", "m"})
    EXPECT_FALSE(policy::parse_time(text)) << text;
}
