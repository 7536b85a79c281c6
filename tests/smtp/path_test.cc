// SPDX-License-Identifier: Apache-2.0
#include "smtp/path.h"

#include <gtest/gtest.h>

namespace smtp {
namespace {

struct Row {
  std::string text;
  bool valid;
};

const std::string kLocal64(64, 'a');
const std::string kLabel63(63, 'b');

TEST(Address, FollowsTheGrammarOfMailbox) {
  const Row rows[] = {
      {"user@example.org", true},
      {"a.b.c@example.org", true},
      {"!#$%&'*+-/=?^_`{|}~@example.org", true},
      {"\"a b\"@example.org", true},
      {"\"a\\\"b\\\\\"@example.org", true},
      {"\"\"@example.org", true},
      {"\"a@b\"@example.org", true},
      {"u@localhost", true},
      {"u@a-b.1x", true},
      {"u@[192.0.2.1]", true},
      {"u@[IPv6:2001:db8::1]", true},
      {"u@[ipv6:::1]", true},
      {kLocal64 + "@x", true},
      {"u@" + kLabel63 + ".org", true},

      {"", false},
      {"user", false},
      {"@example.org", false},
      {"user@", false},
      {".user@example.org", false},
      {"user.@example.org", false},
      {"us..er@example.org", false},
      {"us er@example.org", false},
      {"user@exam ple.org", false},
      {"user@example.org ", false},
      {"user@example..org", false},
      {"user@.org", false},
      {"user@org.", false},
      {"user@-a.org", false},
      {"user@a-.org", false},
      {"user@a_b.org", false},
      {"user@" + kLabel63 + "b.org", false},
      {kLocal64 + "a@x", false},
      {"\"a@example.org", false},
      {"\"a\"b@example.org", false},
      {"\"a\\", false},
      {"\"a\\\"@x", false},
      {"\"a\tb\"@x", false},
      {"a\rb@x", false},
      {std::string("a\0b@x", 5), false},
      {"gr\xc3\xbc\xc3\x9f@example.org", false},
      {"u@[192.0.2.256]", false},
      {"u@[192.0.2]", false},
      {"u@[2001:db8::1]", false},
      {"u@[IPv6:192.0.2.1]", false},
      {"u@[192.0.2.1", false},
      {"u@[]", false},
      {std::string("u@[192.0.2.1\0x]", 15), false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(Address::parse(row.text).has_value(), row.valid) << row.text;
}

TEST(Address, MayHoldUtf8IfAsked) {
  for (const char* text : {"gr\xc3\xbc\xc3\x9f@example.org", "u@gr\xc3\xbcn.example",
                           "u@\xe2\x82\xac.eu", "\"\xf0\x9f\x93\xa8 x\"@example.org"}) {
    EXPECT_TRUE(Address::parse(text, Utf8::yes)) << text;
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  for (const char* text :
       {"\xfc@x", "\xc3@x", "u@\xc3", "\xc0\xaf@x", "\xe0\x80\xaf@x", "\xed\xa0\x80@x",
        "\xf4\x90\x80\x80@x", "\xc2\x85@x", "\x80@x", "\"\xbf\"@x"})
    EXPECT_FALSE(Address::parse(text, Utf8::yes)) << text;
  EXPECT_EQ(ReversePath::parse("<@\xc3\xbc.x:\xc3\xbc@x>", Utf8::yes)->text(),
            "\xc3\xbc@x");
}

TEST(Address, HoldsItsPartsAsWritten) {
  auto address = Address::parse("\"A b\"@Example.ORG");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->local_part(), "\"A b\"");
  EXPECT_EQ(address->domain(), "Example.ORG");
  EXPECT_EQ(address->text(), "\"A b\"@Example.ORG");
}

TEST(Address, HasAtMost255BytesOfDomainAnd256OfPath) {
  std::string domain = "d";
  while (domain.size() < 255) domain += domain.size() % 2 ? "." : "d";
  EXPECT_TRUE(is_domain(domain));
  EXPECT_FALSE(is_domain(domain + "d"));
  std::string fits = domain.substr(0, 251);  // a@ and the brackets: 255
  EXPECT_TRUE(Address::parse("a@" + fits));
  EXPECT_FALSE(Address::parse("abc@" + fits));
}

TEST(ReversePath, IsAnAddressOrNull) {
  auto null = ReversePath::parse("<>");
  ASSERT_TRUE(null);
  EXPECT_TRUE(null->is_null());
  EXPECT_EQ(null->text(), "");
  auto path = ReversePath::parse("<a@b>");
  ASSERT_TRUE(path);
  EXPECT_FALSE(path->is_null());
  EXPECT_EQ(path->text(), "a@b");
  for (const char* text : {"", "a@b", "<a@b", "a@b>", "<a@b> ", "< a@b>", "<a@b><c@d>",
                           "<postmaster>", "< >"})
    EXPECT_FALSE(ReversePath::parse(text)) << text;
}

TEST(ForwardPath, IsAnAddressOrPostmaster) {
  auto path = ForwardPath::parse("<PostMaster>");
  ASSERT_TRUE(path);
  EXPECT_TRUE(path->is_postmaster());
  EXPECT_EQ(path->text(), "postmaster");
  EXPECT_FALSE(ForwardPath::parse("<>"));
  EXPECT_FALSE(ForwardPath::parse("<root>"));
  EXPECT_FALSE(ForwardPath::parse("<postmaster@b>")->is_postmaster());
}

TEST(Path, DropsASourceRoute) {
  EXPECT_EQ(ReversePath::parse("<@a.org,@b.org:u@c.org>")->text(), "u@c.org");
  EXPECT_EQ(ForwardPath::parse("<@a.org:u@c.org>")->text(), "u@c.org");
  for (const char* text : {"<@a.org u@c.org>", "<@a.org,:u@c.org>", "<@:u@c.org>",
                           "<@a.org,b.org:u@c.org>", "<:u@c.org>", "<@a.org:>"})
    EXPECT_FALSE(ForwardPath::parse(text)) << text;
}

TEST(Path, EndsBehindItsBracket) {
  EXPECT_EQ(path_end("<a@b> SIZE=1"), 5u);
  EXPECT_EQ(path_end("<\"a>\\\">\"@b>"), 11u);
  EXPECT_EQ(path_end("<>"), 2u);
  EXPECT_EQ(path_end("a@b"), std::nullopt);
  EXPECT_EQ(path_end("<a@b"), std::nullopt);
  EXPECT_EQ(path_end("<\"a\\"), std::nullopt);
}

}  // namespace
}  // namespace smtp
