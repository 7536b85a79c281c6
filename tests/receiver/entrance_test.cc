// SPDX-License-Identifier: Apache-2.0
#include "receiver/entrance.h"

#include <gtest/gtest.h>

namespace {

using receiver::Entrance;
using receiver::opening_of_socket;
using receiver::parse_entrance;

TEST(Entrance, IsAnAddressAndWhatComesFirst) {
  EXPECT_EQ(*parse_entrance("127.0.0.1:25"), (Entrance{{"127.0.0.1", 25}, {}}));
  EXPECT_EQ(*parse_entrance("[::1]:465/smtps"),
            (Entrance{{"::1", 465}, {.tls = true}}));
  EXPECT_EQ(*parse_entrance("0.0.0.0:25/proxy"),
            (Entrance{{"0.0.0.0", 25}, {.proxy = true}}));
  for (const char* both : {"127.0.0.1:465/smtps/proxy", "127.0.0.1:465/proxy/smtps"})
    EXPECT_EQ(*parse_entrance(both),
              (Entrance{{"127.0.0.1", 465}, {.proxy = true, .tls = true}}));
}

TEST(Entrance, MistakesAreNamed) {
  for (const char* text : {"127.0.0.1:25/", "127.0.0.1:25/tls", "127.0.0.1:25/smtps/",
                           "127.0.0.1:25//proxy", "127.0.0.1/smtps", "/smtps", ""}) {
    auto entrance = parse_entrance(text);
    ASSERT_FALSE(entrance) << text;
    EXPECT_EQ(entrance.error().code, base::Code::usage);
  }
}

TEST(Entrance, OP8_SocketsHaveRolesByName) {
  for (const char* name :
       {"", "smtp", "submission", "unknown", "connection", "bobbin-receive.socket"})
    EXPECT_EQ(*opening_of_socket(name), receiver::Opening()) << name;
  EXPECT_TRUE(opening_of_socket("smtps")->tls);
  EXPECT_TRUE(opening_of_socket("smtp-proxy")->proxy);
  EXPECT_TRUE(opening_of_socket("smtps-proxy")->tls);
  EXPECT_TRUE(opening_of_socket("smtps-proxy")->proxy);
  auto wrong = opening_of_socket("http");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, base::Code::config);
}

}  // namespace
