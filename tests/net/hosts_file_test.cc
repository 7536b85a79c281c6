// SPDX-License-Identifier: Apache-2.0
#include "net/hosts_file.h"

#include <gtest/gtest.h>

namespace net {
namespace {

using Words = std::vector<std::string>;

TEST(HostsFile, KeepsTheOrderOfTheFile) {
  auto file = parse_hosts_file(
      "# comment\n"
      "127.0.0.1\tlocalhost  # and a comment\r\n"
      "::1 localhost ip6-localhost\n"
      "\n"
      "2001:DB8:0::0:1 Mail.Example.NET. mail mail\n"
      "192.0.2.1 mail.example.net\n"
      "192.0.2.1 other");
  EXPECT_EQ(file.addresses["localhost"], (Words{"127.0.0.1", "::1"}));
  EXPECT_EQ(file.addresses["mail.example.net"], (Words{"2001:db8::1", "192.0.2.1"}));
  EXPECT_EQ(file.names["2001:db8::1"], (Words{"mail.example.net", "mail"}));
  EXPECT_EQ(file.names["192.0.2.1"], (Words{"mail.example.net", "other"}));
}

TEST(HostsFile, ReadsOverWhatIsNoEntry) {
  auto file = parse_hosts_file("localhost\n1.2.3 a\n1.2.3.4\n  \n1.2.3.5 b/c d\n");
  EXPECT_EQ(file.addresses.size(), 1u);
  EXPECT_EQ(file.names["1.2.3.5"], Words{"d"});
}

}  // namespace
}  // namespace net
