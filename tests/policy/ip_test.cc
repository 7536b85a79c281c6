// SPDX-License-Identifier: Apache-2.0
#include "policy/ip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

TEST(Ip, IsParsedStrictly) {
  struct Row {
    std::string_view text;
    char family;  // 4, 6, or - for none
  };
  for (auto [text, family] : {
           Row{"192.0.2.1", '4'},
           Row{"0.0.0.0", '4'},
           Row{"255.255.255.255", '4'},
           Row{"192.0.2.01", '-'},
           Row{"192.0.2.001", '-'},
           Row{"0.0.0.00", '-'},
           Row{"1.2.3", '-'},
           Row{"1.2.3.4.5", '-'},
           Row{"1.2.3.256", '-'},
           Row{"1..2.3", '-'},
           Row{" 192.0.2.1", '-'},
           Row{"192.0.2.1 ", '-'},
           Row{"1.2.3.4\n", '-'},
           Row{"192.0.2.0/24", '-'},
           Row{"[192.0.2.1]", '-'},
           Row{"1.2.3.4%eth0", '-'},
           Row{"", '-'},
           Row{"localhost", '-'},
           Row{"2001:db8::1", '6'},
           Row{"::", '6'},
           Row{"ABCD::1", '6'},
           Row{"1:2:3:4:5:6:7:8", '6'},
           Row{"1:2:3:4:5:6:7::", '6'},
           Row{"::ffff:192.0.2.1", '6'},
           Row{"1:2:3:4:5:6:192.0.2.1", '6'},
           Row{"::1%eth0", '6'},
           Row{"fe80::1%a b", '-'},
           Row{"1:2:3:4:5:6:7", '-'},
           Row{"1:2:3:4:5:6:7:8:9", '-'},
           Row{"1:2:3:4:5:6:7::8", '-'},
           Row{"1::2::3", '-'},
           Row{":1:2:3:4:5:6:7", '-'},
           Row{"1:2:3:4:5:6:7:", '-'},
           Row{":::", '-'},
           Row{"12345::1", '-'},
           Row{"0001::00001", '-'},
           Row{"g::1", '-'},
           Row{"[::1]", '-'},
           Row{"::1/64", '-'},
           Row{"::ffff:192.0.2.01", '-'},
       }) {
    auto ip = policy::parse_ip(text);
    EXPECT_EQ(ip ? (ip->v6 ? '6' : '4') : '-', family) << text;
  }
  EXPECT_FALSE(policy::parse_ip(std::string_view("1.2.3.4\0", 8)));
}

TEST(Ip, IsWrittenInAllItsForms) {
  struct Row {
    std::string_view text, form, full, reversed;
  };
  for (auto [text, form, full, reversed] : {
           Row{"192.0.2.4", "192.0.2.4", "192.0.2.4", "4.2.0.192"},
           Row{"2001:DB8::1", "2001:db8::1", "2001:0db8:0000:0000:0000:0000:0000:0001",
               "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"},
           Row{"::", "::", "0000:0000:0000:0000:0000:0000:0000:0000",
               "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"},
       }) {
    policy::Ip ip = policy::parse_ip(text).value();
    EXPECT_EQ(policy::format_ip(ip), form);
    EXPECT_EQ(policy::format_ip_full(ip, ':'), full);
    EXPECT_EQ(policy::format_ip_reversed(ip), reversed);
  }
  for (auto [text, form] : {
           std::pair{"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
           std::pair{"1:0:2:3:4:5:6:7", "1::2:3:4:5:6:7"},
           std::pair{"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7::"},
           std::pair{"0:2:3:4:5:6:7:0", "::2:3:4:5:6:7:0"},
           std::pair{"1:0:0:2:3:0:0:4", "1::2:3:0:0:4"},
           std::pair{"0:0:1:0:0:1:0:0", "::1:0:0:1:0:0"},
           std::pair{"::ffff:192.0.2.1", "::ffff:c000:201"},
           std::pair{"::1", "::1"},
       })
    EXPECT_EQ(policy::format_ip(policy::parse_ip(text).value()), form);
}

TEST(Ip, NetworksContainAddresses) {
  struct Row {
    std::string_view network, ip;
    bool contained;
  };
  for (auto [network, ip, contained] : {
           Row{"192.0.2.0/24", "192.0.2.77", true},
           Row{"192.0.2.9/24", "192.0.2.77", true},
           Row{"192.0.2.0/24", "192.0.3.1", false},
           Row{"192.0.2.0/25", "192.0.2.128", false},
           Row{"0.0.0.0/0", "203.0.113.1", true},
           Row{"0.0.0.0/0", "::1", false},
           Row{"192.0.2.1", "192.0.2.1", true},
           Row{"192.0.2.1", "192.0.2.2", false},
           Row{"192.0.2.0/24", "::ffff:192.0.2.7", true},
           Row{"::ffff:192.0.2.0/120", "192.0.2.7", true},
           Row{"::ffff:192.0.2.0/120", "::ffff:192.0.3.7", false},
           Row{"2001:db8::/32", "2001:db8:5::1", true},
           Row{"2001:db8::/32", "2001:db9::1", false},
           Row{"::/0", "::1", true},
           Row{"2001:db8::/33", "2001:db8:8000::", false},
       }) {
    auto parsed = policy::parse_network(network);
    ASSERT_TRUE(parsed) << network;
    EXPECT_EQ(policy::contains(*parsed, policy::parse_ip(ip).value()), contained)
        << network << ' ' << ip;
  }
}

TEST(Ip, MasksAreChecked) {
  struct Row {
    std::string_view text, words;
  };
  for (auto [text, words] : {
           Row{"192.0.2.1", "no mask"},
           Row{"192.0.2.1/33", "more than 32 bits"},
           Row{"::1/129", "more than 128 bits"},
           Row{"192.0.2.1/", "no number"},
           Row{"192.0.2.1/x", "not an IP address"},
           Row{"192.0.2.1/-1", "not an IP address"},
           Row{"192.0.2.1/8 ", "not an IP address"},
           Row{"192.0.2/8", "not an IP address"},
           Row{"junk/8", "not an IP address"},
           Row{"junk", "not an IP address"},
           Row{"fe80::1%eth0/64", "not an IP address"},
           Row{"1.2.3.4/99999999999999999999", "more than 32 bits"},
       }) {
    auto network = policy::parse_masked(text);
    ASSERT_FALSE(network) << text;
    EXPECT_THAT(network.error().text, testing::HasSubstr(words));
  }
}
