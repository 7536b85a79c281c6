// SPDX-License-Identifier: Apache-2.0
#include "policy/mail_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

TEST(MailAddress, IsFoundInOneMailbox) {
  struct Row {
    std::string_view text, address;
  };
  for (auto [text, address] : {
           Row{"user@example.com", "user@example.com"},
           Row{"User@EXAMPLE.Com", "User@EXAMPLE.Com"},
           Row{"user", "user"},
           Row{"<>", ""},
           Row{"Ph <>", ""},
           Row{"Full Name <user@example.com>", "user@example.com"},
           Row{"user (c) @ (d) example.com", "user@example.com"},
           Row{"(c1) a (c2) @ b (c3)", "a@b"},
           Row{"(c1 (nested \\) ) ) a@b", "a@b"},
           Row{"a@b (unclosed", "a@b"},
           Row{"a . b @ c . d", "a.b@c.d"},
           Row{"a@b().c", "a@b.c"},
           Row{"a@B\n .c", "a@B.c"},
           Row{"\ta@b\r\n", "a@b"},
           Row{"\"a b\"@example.com", "\"a b\"@example.com"},
           Row{"\"a\".b@c", "\"a\".b@c"},
           Row{"a.\"b\".c@d", "a.\"b\".c@d"},
           Row{"\"a\\\"b\"@c", "\"a\\\"b\"@c"},
           Row{"\"\"@c", "\"\"@c"},
           Row{"a\\@b@c", "a\\@b@c"},
           Row{"a\\ b@c", "a\\ b@c"},
           Row{"a..b@c", "a..b@c"},
           Row{".a@c", ".a@c"},
           Row{"a.b.@c", "a.b.@c"},
           Row{"a!b%c=d'~@e", "a!b%c=d'~@e"},
           Row{"caf\xc3\xa9@example.com", "caf\xc3\xa9@example.com"},
           Row{"Jos\xc3\xa9 <a@b>", "a@b"},
           Row{"a@[1.2.3.4]", "a@[1.2.3.4]"},
           Row{"a@[IPv6:::1]", "a@[IPv6:::1]"},
           Row{"Joe <a@[1.2.3.4]>", "a@[1.2.3.4]"},
           Row{"a@b--c-.1", "a@b--c-.1"},
           Row{"<a>", "a"},
           Row{"< a@b > (comment)", "a@b"},
           Row{"Phrase \"quoted\" <a@b>", "a@b"},
           Row{"J.R. \"x\" y <a@b>", "a@b"},
           Row{"Joe (comment) Smith <a@b>", "a@b"},
           Row{"\"\" <a@b>", "a@b"},
           Row{"<@relay:user@example.com>", "user@example.com"},
           Row{"<@r1,@r2:a@b>", "a@b"},
           Row{"@a, @b : c@d", "c@d"},
       }) {
    auto parsed = policy::parse_mail_address(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().text;
    EXPECT_EQ(parsed->text(), address) << text;
  }
  auto parsed = policy::parse_mail_address("Joe <x.y@Z>");
  EXPECT_EQ(parsed->local_part, "x.y");
  EXPECT_EQ(parsed->domain, "Z");
}

TEST(MailAddress, IsRefusedWithAReason) {
  for (std::string_view text : {"",
                                " ",
                                "(x)",
                                "(unclosed a@b",
                                "a b@c",
                                "a@b@c",
                                "user@",
                                "@b",
                                "a@b, c@d",
                                "a@b,",
                                ",a@b",
                                "a@.c",
                                "a@c..d",
                                "a@b.",
                                "a@-c",
                                "a@c_d",
                                "a@c/d",
                                "a@[x y]",
                                "a@[1.2.3.4",
                                "a@[1.2.3.4].x",
                                "\"a@c",
                                "\"a\"b@c",
                                "a\"b\"@c",
                                "a \"b\"@d",
                                "a@b c",
                                "<a@b",
                                "a@b>",
                                "<<a@b>>",
                                "<a@b> x",
                                "a <b> <c>",
                                "Joe [x] <a@b>",
                                "Joe: <a@b>",
                                "Joe@x <a@b>",
                                "g: a@b;",
                                "a@b;",
                                "a;b@c",
                                "a:b@c",
                                "a\x01@c",
                                "user@caf\xc3\xa9.com",
                                "<@r1:@r2:a@b>",
                                "<@r1 a@b>",
                                "@a,@b:c",
                                "<@a:>",
                                "@a,b@c:d@e"}) {
    auto parsed = policy::parse_mail_address(text);
    EXPECT_FALSE(parsed) << text << " gives " << parsed->text();
  }
}

TEST(MailAddress, AllOfAFieldAreFound) {
  struct Row {
    std::string_view field;
    std::vector<std::string> addresses;
  };
  for (const Row& row : {
           Row{"", {}},
           Row{"a@b, c@d", {"a@b", "c@d"}},
           Row{"a@b,,c@d", {"a@b", "c@d"}},
           Row{"a@b, bad bad, c@d", {"a@b", "c@d"}},
           Row{"group: a@b, c@d;, e@f", {"a@b", "c@d", "e@f"}},
           Row{"undisclosed-recipients:;", {}},
           Row{"a@b (x, y), c@d", {"a@b", "c@d"}},
           Row{"a@b (c:d), e@f", {"a@b", "e@f"}},
           Row{"Joe <a@b>, \"Q, R\" <c@d> (x), e", {"a@b", "c@d", "e"}},
           Row{"\"A B\":c@d;", {"c@d"}},
           Row{"g:a@b", {"a@b"}},
           Row{":a@b", {"a@b"}},
           Row{"g1:a@b;,g2:c@d,e@f;", {"a@b", "c@d", "e@f"}},
           Row{"g1:a@b; g2:c@d", {"a@b"}},
           Row{"g:a@b;c@d, e@f", {"a@b", "e@f"}},
           Row{"g:,a@b,;,c@d", {"a@b", "c@d"}},
           Row{"g:h:a@b;", {}},
           Row{"g:(c;d)a@b;, c@d", {"a@b", "c@d"}},
           Row{"g:\"x;y\"@b;, c@d", {"\"x;y\"@b", "c@d"}},
           Row{"a@b;, c@d", {"c@d"}},
           Row{"a@b;c@d", {}},
           Row{"<@r1,@r2:a@b>, c@d", {"a@b", "c@d"}},
           Row{"@a:b@c, d", {"b@c", "d"}},
           Row{"A <x:c@d>, e", {"e"}},
           Row{"<>, c@d", {"c@d"}},
           Row{"<a@b, c@d>, e@f", {"e@f"}},
           Row{"Joe <a@b, c@d", {}},
           Row{"a@[1,2], e@f", {"e@f"}},
           Row{"a@[IPv6:::1], e@f", {"a@[IPv6:::1]", "e@f"}},
           Row{"user, @x, b", {"user", "b"}},
           Row{"\"unclosed <a@b>, c@d", {}},
           Row{"a@b\n, c@d\n", {"a@b", "c@d"}},
           Row{"bob@example.net,\n\tcarol@example.org",
               {"bob@example.net", "carol@example.org"}},
       }) {
    std::vector<std::string> found;
    for (const auto& address : policy::parse_mail_addresses(row.field))
      found.push_back(address.text());
    EXPECT_THAT(found, testing::ElementsAreArray(row.addresses)) << row.field;
  }
}
