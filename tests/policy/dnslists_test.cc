// SPDX-License-Identifier: Apache-2.0
#include "policy/dnslists.h"

#include <gtest/gtest.h>

namespace {

using policy::Ip;

std::vector<Ip> ips(std::initializer_list<std::string_view> texts) {
  std::vector<Ip> out;
  for (std::string_view text : texts) out.push_back(*policy::parse_ip(text));
  return out;
}

TEST(DnsLists, S10_8_ReadTheirZones) {
  auto zone = policy::parse_dns_zone("txt.test,a.test=127.0.0.2,127.0.0.3");
  ASSERT_TRUE(zone) << zone.error().text;
  EXPECT_EQ(zone->txt_domain, "txt.test");
  EXPECT_EQ(zone->domain, "a.test");
  EXPECT_EQ(zone->addresses, ips({"127.0.0.2", "127.0.0.3"}));
  for (std::string_view bad : {"", "a b.test", "a.test=", "a.test=x", "a.test!",
                               "a.test!x", ",", "a.test=1.2.3"})
    EXPECT_FALSE(policy::parse_dns_zone(bad)) << bad;
}

// "`=`: any returned address equal; `&`: all bits of an address set; `!`
// negates; doubled: all returned addresses must match.  Without a filter only
// answers in 127.0.0.0/8 count."
TEST(DnsLists, S10_8_CountWhatTheirFilterSays) {
  struct Row {
    std::string_view zone;
    std::vector<Ip> answer;
    bool counts;
  };
  const auto two = ips({"127.0.0.2", "127.0.0.3"});
  for (const Row &row : std::initializer_list<Row>{
           {"a.test", two, true},
           {"a.test", ips({"192.0.2.1"}), false},
           {"a.test=127.0.0.3", two, true},
           {"a.test=127.0.0.4", two, false},
           {"a.test=192.0.2.1", ips({"192.0.2.1"}), true},
           {"a.test!=127.0.0.3", two, false},
           {"a.test!=127.0.0.4", two, true},
           {"a.test==127.0.0.2", two, false},
           {"a.test==127.0.0.2,127.0.0.3", two, true},
           {"a.test&0.0.0.1", two, true},
           {"a.test&0.0.0.4", two, false},
           {"a.test=&0.0.0.2", two, true},
           {"a.test=&0.0.0.1", two, false},
           {"a.test!=&0.0.0.1", two, true},
           {"a.test!&0.0.0.1", two, false},
       }) {
    auto zone = policy::parse_dns_zone(row.zone);
    ASSERT_TRUE(zone) << row.zone << ": " << zone.error().text;
    EXPECT_EQ(zone->counts(row.answer), row.counts) << row.zone;
  }
}

TEST(DnsLists, S10_8_ReverseAddresses) {
  EXPECT_EQ(policy::dns_list_label("192.0.2.1"), "1.2.0.192");
  EXPECT_EQ(policy::dns_list_label("::ffff:192.0.2.1"), "1.2.0.192");
  EXPECT_EQ(policy::dns_list_label("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
  EXPECT_EQ(policy::dns_list_label("mail.example"), "mail.example");
}

}  // namespace
