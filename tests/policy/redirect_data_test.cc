// SPDX-License-Identifier: Apache-2.0
#include "policy/redirect_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using policy::RedirectItem;
using Kind = RedirectItem::Kind;

namespace {

struct Item {
  Kind kind;
  std::string text;
  bool own_domain = false;
};

std::vector<Item> parse(std::string_view data) {
  std::vector<Item> items;
  for (const RedirectItem& item : policy::parse_redirect_data(data))
    items.push_back({item.kind, item.text, item.own_domain});
  return items;
}

bool operator==(const Item& a, const Item& b) {
  return a.kind == b.kind && a.own_domain == b.own_domain &&
         (a.kind == Kind::bad || a.text == b.text);  // any words will do
}

void PrintTo(const Item& item, std::ostream* out) {
  *out << int(item.kind) << " " << item.text << (item.own_domain ? " (own)" : "");
}

}  // namespace

TEST(RedirectData, PartsItemsAtCommasAndNewlines) {
  struct Row {
    std::string_view data;
    std::vector<Item> items;
  };
  for (const Row& row : {
           Row{"", {}},
           Row{" \n , ,\n", {}},
           Row{"joe", {{Kind::address, "joe"}}},
           Row{"joe, ann@example.net",
               {{Kind::address, "joe"}, {Kind::address, "ann@example.net"}}},
           Row{"joe\n# a, comment\nann , copy\n",
               {{Kind::address, "joe"},
                {Kind::address, "ann"},
                {Kind::address, "copy"}}},
           Row{"\"a, b\"@x.test, c@y.test",
               {{Kind::address, "\"a, b\"@x.test"}, {Kind::address, "c@y.test"}}},
           Row{"Joe (a, b) <joe@x.test>", {{Kind::address, "joe@x.test"}}},
           Row{"\\joe", {{Kind::address, "joe", true}}},
           Row{"a b c, joe", {{Kind::bad, ""}, {Kind::address, "joe"}}},
           // Quotes round the whole of it are taken off.
           Row{"\"joe@x.test\", \"ann\"",
               {{Kind::address, "joe@x.test"}, {Kind::address, "ann"}}},
           Row{"\"joe s\"@x.test", {{Kind::address, "\"joe s\"@x.test"}}},
           // There is nothing in these.
           Row{"(who?), \"\", joe", {{Kind::address, "joe"}}},
           Row{"<@a.test,@b.test:joe@x.test>, ann",
               {{Kind::address, "joe@x.test"}, {Kind::address, "ann"}}},
           Row{"@a.test,@b.test:joe@x.test, ann",
               {{Kind::address, "joe@x.test"}, {Kind::address, "ann"}}},
           // Only of a name alone is the backslash no part.
           Row{"\\joe@x.test", {{Kind::address, "\\joe@x.test"}}},
           Row{"<>", {{Kind::bad, ""}}},
       })
    EXPECT_EQ(parse(row.data), row.items) << row.data;
}

TEST(RedirectData, KnowsFilesDirectoriesAndCommands) {
  struct Row {
    std::string_view data;
    std::vector<Item> items;
  };
  for (const Row& row : {
           Row{"/some/file", {{Kind::file, "/some/file"}}},
           Row{"/some/dir/", {{Kind::directory, "/some/dir/"}}},
           Row{"\"/a file, b\"", {{Kind::file, "/a file, b"}}},
           Row{"|/bin/true -x", {{Kind::pipe, "/bin/true -x"}}},
           Row{"\"|/bin/sh -c 'a, \\\"b\\\"'\", joe",
               {{Kind::pipe, "/bin/sh -c 'a, \"b\"'"}, {Kind::address, "joe"}}},
           // Parses as an address with a domain: is one.
           Row{"/c=uk/o=x/@gate.test", {{Kind::address, "/c=uk/o=x/@gate.test"}}},
           Row{"|x@gate.test", {{Kind::address, "|x@gate.test"}}},
       })
    EXPECT_EQ(parse(row.data), row.items) << row.data;
}

TEST(RedirectData, TakesTheSpecialWords) {
  struct Row {
    std::string_view data;
    std::vector<Item> items;
  };
  for (const Row& row : {
           Row{":fail: gone, away\nreally", {{Kind::fail, "gone, away\nreally"}}},
           Row{":FAIL:", {{Kind::fail, ""}}},
           Row{"joe, :defer: not\\ntoday",
               {{Kind::address, "joe"}, {Kind::defer, "not\ntoday"}}},
           Row{":fail: keep \\t and \\\\", {{Kind::fail, "keep \\t and \\\\"}}},
           Row{":blackhole:", {{Kind::blackhole, ""}}},
           Row{":unknown:, joe", {{Kind::unknown, ""}, {Kind::address, "joe"}}},
           Row{":unknown: joe", {{Kind::bad, ""}}},
           Row{"\":fail: gone, away\", joe", {{Kind::fail, "gone, away"}}},
           Row{"\":include:/etc/list\"", {{Kind::include, "/etc/list"}}},
           Row{":include:/etc/list , joe",
               {{Kind::include, "/etc/list"}, {Kind::address, "joe"}}},
       })
    EXPECT_EQ(parse(row.data), row.items) << row.data;
}

TEST(RedirectData, IsReadInProportionToItsLength) {
  std::string data;
  for (int i = 0; i < 20000; ++i) data += "joe, ";
  EXPECT_EQ(policy::parse_redirect_data(data).size(), 20000U);
  EXPECT_EQ(policy::parse_redirect_data(std::string(1 << 20, '"')).size(), 1U);
  EXPECT_EQ(policy::parse_redirect_data(std::string(1 << 20, '(')).size(), 0U);
}
