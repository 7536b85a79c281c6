// SPDX-License-Identifier: Apache-2.0
#include "policy/plain_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using testing::ElementsAreArray;

TEST(PlainList, IsSplitAsTheLanguageSays) {
  struct Row {
    std::string_view list;
    std::vector<std::string> elements;
  };
  for (const Row& row : {
           Row{"", {}},
           Row{"   ", {}},
           Row{"a", {"a"}},
           Row{" a : b ", {"a", "b"}},
           Row{"a b:c", {"a b", "c"}},
           Row{":", {""}},
           Row{": :", {"", ""}},
           Row{"a:b:", {"a", "b"}},
           Row{"a: ", {"a"}},
           Row{":a", {"", "a"}},
           Row{"a: :b", {"a", "", "b"}},
           Row{"a::b", {"a:b"}},
           Row{"a:::b", {"a:", "b"}},
           Row{"a::::b", {"a::b"}},
           Row{"::", {":"}},
           Row{":::", {":"}},
           Row{"::::", {"::"}},
           Row{"a :: b", {"a : b"}},
           Row{"<; a:b;c", {"a:b", "c"}},
           Row{"<;a;;b;c", {"a;b", "c"}},
           Row{"<, ,", {""}},
           Row{"<, , ,", {"", ""}},
           Row{"<,", {}},
           Row{"<", {}},
           Row{"<a b:c", {"<a b", "c"}},
           Row{"<::a::b", {"", "a:b"}},
           Row{"<@ a@b@@c", {"a", "b@c"}},
           Row{"<\n a\n\nb", {"a", "", "b"}},
           Row{"<\ta\tb", {"a", "b"}},
           Row{"a\\ : b", {"a\\ ", "b"}},
           Row{"a\\:b", {"a\\", "b"}},
           Row{"<; ::1 ; 2001:db8::/32", {"::1", "2001:db8::/32"}},
       }) {
    policy::PlainList split = policy::split_list(row.list);
    EXPECT_THAT(split.elements, ElementsAreArray(row.elements)) << row.list;
    EXPECT_EQ(policy::count_elements(row.list), row.elements.size()) << row.list;
  }
  EXPECT_EQ(policy::split_list("<; a;b").separator, ';');
  EXPECT_EQ(policy::split_list("a;b").separator, ':');
}

TEST(PlainList, IsWrittenSoThatNoElementVanishes) {
  struct Row {
    std::vector<std::string_view> elements;
    char separator;
    std::string_view list;
  };
  for (const Row& row : {
           Row{{"a", "b"}, ':', "a:b"},
           Row{{"", "", ""}, ':', ": : "},
           Row{{"", "a"}, ':', ":a"},
           Row{{":a", ":b"}, ':', "::a: ::b"},
           Row{{"a;x", "b;x"}, ';', "a;;x;b;;x"},
           Row{{";x", ";x"}, ';', ";;x; ;;x"},
           Row{{"1:2", "1:2"}, ':', "1::2:1::2"},
           Row{{"", ""}, '\n', "\n "},
       }) {
    std::string out;
    policy::ListWriter writer(out, row.separator);
    for (std::string_view element : row.elements) writer.add(element);
    EXPECT_EQ(out, row.list);
  }
}

TEST(PlainList, WhatIsWrittenIsReadBack) {
  // The last element must not be empty: a separator at the end adds nothing.
  for (const std::vector<std::string>& elements :
       {std::vector<std::string>{"a", ":b", "", ":", "c::d", "e:"},
        {":", ":"},
        {"a"}}) {
    std::string out;
    policy::ListWriter writer(out, ':');
    for (const std::string& element : elements) writer.add(element);
    EXPECT_THAT(policy::split_list(out).elements, ElementsAreArray(elements)) << out;
  }
}

TEST(PlainList, QuotesOneElement) {
  struct Row {
    std::string_view separator, text, quoted;
  };
  for (auto [separator, text, quoted] : {
           Row{":", "a:b", "a::b"},
           Row{":", "::", "::::"},
           Row{":;", "a:b;c", "a::b;c"},
           Row{":", "", " "},
           Row{"", "abc", "abc"},
           Row{"x", "axb", "axxb"},
           Row{"\n", "a\nb", "a\n\nb"},
       })
    EXPECT_EQ(policy::quote_element(separator, text), quoted);
}
