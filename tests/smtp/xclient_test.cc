// SPDX-License-Identifier: Apache-2.0
#include "smtp/xclient.h"

#include <gtest/gtest.h>

namespace smtp {
namespace {

using Name = ClaimedClient::Name;

TEST(Xclient, SaysWhoTheClientIs) {
  auto client = parse_xclient(
      "ADDR=192.0.2.7 port=1234 NAME=mx_1.example.org LOGIN=bob+2Bx@example.org "
      "DESTADDR=IPV6:2001:DB8:0::25 DESTPORT=25");
  ASSERT_TRUE(client);
  EXPECT_EQ(client->address, "192.0.2.7");
  EXPECT_EQ(client->port, 1234);
  EXPECT_EQ(client->name_state, Name::said);
  EXPECT_EQ(client->name, "mx_1.example.org");
  EXPECT_EQ(client->login, "bob+x@example.org");
  EXPECT_EQ(client->local_address, "2001:db8::25");
  EXPECT_EQ(client->local_port, 25);
}

TEST(Xclient, XC2_NeedsNoPort) {
  auto client = parse_xclient("ADDR=192.0.2.7");
  ASSERT_TRUE(client);
  EXPECT_EQ(client->port, 0);
  EXPECT_EQ(client->name_state, Name::unsaid);
  EXPECT_EQ(client->login, std::nullopt);
}

TEST(Xclient, XC6_TakesTheTagOffAnIpv6Address) {
  EXPECT_EQ(parse_xclient("ADDR=IPV6:2001:db8::1")->address, "2001:db8::1");
  EXPECT_EQ(parse_xclient("ADDR=ipv6:2001:DB8::1")->address, "2001:db8::1");
  EXPECT_EQ(parse_xclient("ADDR=2001:db8::1")->address, "2001:db8::1");
}

TEST(Xclient, XC8_ClearsTheLoginThatIsUnavailable) {
  EXPECT_EQ(parse_xclient("ADDR=::1 LOGIN=[unavailable]")->login, std::nullopt);
  EXPECT_EQ(parse_xclient("ADDR=::1 LOGIN=[TEMPUNAVAIL]")->login, std::nullopt);
}

TEST(Xclient, TellsANameThatIsNotFromOneNobodyCouldFindOut) {
  EXPECT_EQ(parse_xclient("ADDR=::1 NAME=[UNAVAILABLE]")->name_state,
            Name::unavailable);
  EXPECT_EQ(parse_xclient("ADDR=::1 NAME=[TempUnavail]")->name_state, Name::try_again);
  EXPECT_EQ(parse_xclient("ADDR=::1 PORT=[UNAVAILABLE]")->port, 0);
}

TEST(Xclient, XC5_XC7_RefusesWith501WhatCouldBeMisread) {
  for (const char* text : {
           "",
           "NAME=a.example",
           "ADDR=192.0.2.7 ADDR=192.0.2.8",
           "ADDR=192.0.2.7 addr=192.0.2.7",
           "ADDR=[UNAVAILABLE]",
           "ADDR=",
           "ADDR",
           "ADDR=192.0.2.256",
           "ADDR=[192.0.2.1]",
           "ADDR=IPV6:192.0.2.1",
           "ADDR=192.0.2.1+00x",
           "ADDR=::1 HELO=x",
           "ADDR=::1 PROTO=ESMTP",
           "ADDR=::1 PORT=65536",
           "ADDR=::1 PORT=-1",
           "ADDR=::1 NAME=two+20words",
           "ADDR=::1 NAME=[x]",
           "ADDR=::1 LOGIN=bo b+=x",       // nginx with the user name "bo b+=x"
           "ADDR=::1 LOGIN=x ADDR=::2",    // and "x ADDR=::2"
           "ADDR=::1 LOGIN=x LOGIN=root",  // and "x LOGIN=root"
           "ADDR=::1 LOGIN=a+b",
           "ADDR=::1 LOGIN=a=b",
           "ADDR=::1 LOGIN=a+0Ab",
           "ADDR=::1 =x",
           "ADDR=::1\tNAME=x",
       }) {
    auto client = parse_xclient(text);
    ASSERT_FALSE(client) << text;
    EXPECT_EQ(client.error(), standard(Standard::bad_parameter)) << text;
  }
}

}  // namespace
}  // namespace smtp
