// SPDX-License-Identifier: Apache-2.0
#include "qrunner/route_phase.h"

#include <gtest/gtest.h>

namespace {

TEST(RoutePhase, Q20_AMessageHasOneLegASite) {
  qrunner::SiteOf site_of = [](std::string_view domain) -> qrunner::SiteIndex {
    return domain == "far.example" ? 1 : 0;
  };
  EXPECT_EQ(qrunner::legs({"a@x", "b@far.example", "c@y", "d@x"}, site_of),
            (std::vector<qrunner::SiteIndex>{0, 1}));
  EXPECT_TRUE(qrunner::legs({}, site_of).empty());
}

TEST(RoutePhase, TheDomainIsBehindTheLastAtSign) {
  EXPECT_EQ(qrunner::domain_of("a@x.example"), "x.example");
  EXPECT_EQ(qrunner::domain_of("\"a@b\"@x.example"), "x.example");
  EXPECT_EQ(qrunner::domain_of("postmaster"), "");
}

TEST(RoutePhase, ASmarthostIsShownWithoutItsPort) {
  struct Row {
    std::string text, name;
    std::uint16_t port;
  };
  for (const Row& row :
       {Row{"127.0.0.1", "127.0.0.1", 25}, Row{"127.0.0.1:2525", "127.0.0.1", 2525},
        Row{"[::1]:2525", "::1", 2525}}) {
    auto site = qrunner::smarthost_site(row.text);
    ASSERT_TRUE(site) << site.error().text;
    EXPECT_EQ(site->name, row.name);
    ASSERT_FALSE(site->hosts.empty());
    EXPECT_EQ(site->hosts[0].port, row.port);
  }
}

}  // namespace
