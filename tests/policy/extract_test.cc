// SPDX-License-Identifier: Apache-2.0
#include "policy/extract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using policy::JsonText;

namespace {

// "-" for nothing found, "!" for an error.
std::string show(const std::optional<std::string>& found) {
  return found ? '<' + *found + '>' : "-";
}
std::string show(const base::Result<std::optional<std::string>>& found) {
  return found ? show(*found) : "!";
}

}  // namespace

TEST(Extract, FindsKeyedValues) {
  struct Row {
    std::string_view key, data, found;
  };
  for (auto [key, data, found] : {
           Row{"b", "a=1 b=2 c=3", "<2>"},
           Row{"B", "a=1 b=2", "<2>"},
           Row{"z", "a=1", "-"},
           Row{"a", "", "-"},
           Row{"a", "a=\"x y\" b=2", "<x y>"},
           Row{"a", "a=\"x\\\"y\" b=2", "<x\"y>"},
           Row{"a", "a=\"x\\ty\\101\"", "<x\tyA>"},
           Row{"a", "a=\"xyz b=2", "<xyz b=2>"},
           Row{"a", " a = 1  b = 2 ", "<1>"},
           Row{"b", "a b c", "-"},
           Row{"a", "x y a=2", "<2>"},
           Row{"a", "a=\"\" b=2", "<>"},
           Row{"a", "a", "<>"},
           Row{"a", "a=", "<>"},
           Row{"a", "a= b=2", "<b=2>"},
           Row{"a", "a=1 a=2", "<1>"},
           Row{"a", "a==1", "<=1>"},
           Row{"a", "=a a=3", "<3>"},
           Row{"a", "b=\"\"a=7", "<7>"},
           Row{"a", "x=\"y\"y a=2", "-"},
           Row{"a", "ab=1 a=2", "<2>"},
           Row{"a", "a\n=\n2", "<2>"},
           Row{"b", "a=1,b=2", "-"},
       })
    EXPECT_EQ(show(policy::extract_keyed(key, data)), found) << data;
}

TEST(Extract, FindsNumberedFields) {
  struct Row {
    std::int64_t number;
    std::string_view separators, data, found;
  };
  for (auto [number, separators, data, found] : {
           Row{2, ":", "one:two:three", "<two>"},
           Row{0, ":", "one:two:three", "<one:two:three>"},
           Row{-1, ":", "one:two:three", "<three>"},
           Row{-3, ":", "one:two:three", "<one>"},
           Row{-4, ":", "one:two:three", "-"},
           Row{4, ":", "one:two:three", "-"},
           Row{2, ":", "one::three", "<>"},
           Row{3, ":", "a:b:", "<>"},
           Row{-1, ":", "a:b:", "<>"},
           Row{1, "", "abc", "<abc>"},
           Row{2, "", "abc", "-"},
           Row{2, " ", "a  b", "<>"},
           Row{2, ":;", "a;b:c", "<b>"},
           Row{1, ":", "", "<>"},
           Row{-1, ":", "", "<>"},
           Row{INT64_MAX, ":", "a:b", "-"},
           Row{INT64_MIN, ":", "a:b", "-"},
       })
    EXPECT_EQ(show(policy::extract_field(number, separators, data)), found)
        << number << ' ' << data;
}

TEST(Extract, TheKeyChoosesTheForm) {
  EXPECT_EQ(policy::parse_extract_key(" 2 ")->number, 2);
  EXPECT_EQ(policy::parse_extract_key("-1")->number, -1);
  EXPECT_EQ(policy::parse_extract_key("2x")->number, std::nullopt);
  EXPECT_EQ(policy::parse_extract_key(" k ")->text, "k");
  EXPECT_FALSE(policy::parse_extract_key(" "));
}

TEST(Extract, FindsJsonValues) {
  struct Row {
    std::string_view key, data;
    JsonText form;
    std::string_view found;
  };
  constexpr auto kRaw = JsonText::raw, kUnquoted = JsonText::unquoted;
  for (auto [key, data, form, found] : {
           Row{"b", R"({"a":1,"b":2})", kRaw, "<2>"},
           Row{"b", R"({"a":1,"b":"two"})", kRaw, R"(<"two">)"},
           Row{"b", R"({"a":1,"b":"two"})", kUnquoted, "<two>"},
           Row{"b", R"( { "a" : 1 , "b" : 2 } )", kRaw, "<2>"},
           Row{"x", R"({"x":{"y":[1,2]},"z":3})", kRaw, R"(<{"y":[1,2]}>)"},
           Row{"z", R"({"x":{"y":[1,"]}"]},"z":3})", kRaw, "<3>"},
           Row{"a", R"({"a":"q\"u, }","c":1})", kUnquoted, R"(<q\"u, }>)"},
           Row{"A", R"({"a":1})", kRaw, "-"},
           Row{"q", R"({"a":1})", kRaw, "-"},
           Row{"a", "{}", kRaw, "-"},
           Row{"2", "[10,20,30]", kRaw, "<20>"},
           Row{"2", "[ 1 , 2 ]", kRaw, "<2>"},
           Row{"4", "[10,20,30]", kRaw, "-"},
           Row{"1", "[]", kRaw, "-"},
           Row{"2", R"(["a","b\n\u0041"])", kUnquoted, R"(<b\n\u0041>)"},
           Row{"0", "[1]", kRaw, "!"},
           Row{"-1", "[1]", kRaw, "!"},
           Row{"", "{}", kRaw, "!"},
           Row{"a", "[1]", kRaw, "!"},
           Row{"1", R"({"1":2})", kRaw, "!"},
           Row{"a", "junk", kRaw, "!"},
           Row{"a", "", kRaw, "!"},
           Row{"a", R"({"b":1)", kRaw, "!"},
           Row{"2", "[1,2", kRaw, "!"},
           Row{"2", "[[1,2]", kRaw, "!"},
           Row{"2", R"(["a,2])", kRaw, "!"},
           Row{"a", R"({"a":1})", kUnquoted, "!"},
           Row{"a", R"({"a":null})", kUnquoted, "!"},
       })
    EXPECT_EQ(show(policy::extract_json(key, data, form)), found) << key << ' ' << data;
}

TEST(Extract, WalksOverJsonArrays) {
  using testing::ElementsAre;
  EXPECT_THAT(policy::json_elements("[1, 2 ,3]", JsonText::raw).value(),
              ElementsAre("1", "2", "3"));
  EXPECT_THAT(policy::json_elements(R"(["a,b",{"x":[1,2]}])", JsonText::raw).value(),
              ElementsAre(R"("a,b")", R"({"x":[1,2]})"));
  EXPECT_THAT(policy::json_elements(R"(["a","b"])", JsonText::unquoted).value(),
              ElementsAre("a", "b"));
  EXPECT_THAT(policy::json_elements("[]", JsonText::raw).value(), ElementsAre());
  EXPECT_FALSE(policy::json_elements(R"(["a",1])", JsonText::unquoted));
  EXPECT_FALSE(policy::json_elements("", JsonText::raw));
  EXPECT_FALSE(policy::json_elements("{}", JsonText::raw));
}

TEST(Extract, FindsListElements) {
  struct Row {
    std::string_view number, list, found;
  };
  for (auto [number, list, found] : {
           Row{"2", "a:b:c", "<b>"},
           Row{" 1 ", "a:b", "<a>"},
           Row{"0", "a:b:c", "-"},
           Row{"4", "a:b:c", "-"},
           Row{"-1", "a:b:", "<b>"},
           Row{"-3", "a:b", "-"},
           Row{"2", "a: :c", "<>"},
           Row{"1", "<; a:b;c", "<a:b>"},
           Row{"2", "a::b:c", "<c>"},
           Row{"1", "a::b:c", "<a:b>"},
           Row{"99999999999999999999", "a:b", "-"},
           Row{"x", "a:b", "!"},
           Row{"+1", "a:b", "!"},
           Row{"", "a:b", "!"},
       })
    EXPECT_EQ(show(policy::extract_element(number, list)), found)
        << number << ' ' << list;
}
