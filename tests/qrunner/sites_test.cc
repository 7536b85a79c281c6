// SPDX-License-Identifier: Apache-2.0
#include "qrunner/sites.h"

#include <gtest/gtest.h>

#include "qrunner/hands.h"
#include "qrunner/sent_headers.h"

namespace {

using namespace qrunner;

TEST(Sites, WhatMayShareAConnectionIsOne) {
  policy::Driver transport;
  transport.name = "remote";
  Site site;
  site.kind = Site::Kind::smtp;
  site.transport = &transport;
  site.hosts = {{"mx1.x", 0, 0}, {"mx2.x", 0, 1}};
  Sites sites;
  SiteIndex first = sites.index(site);
  EXPECT_NE(first, kDesk);
  site.name = "called otherwise";
  EXPECT_EQ(sites.index(site), first);
  site.smtp.helo = "another.example";
  EXPECT_NE(sites.index(site), first);
  site.smtp.helo.clear();
  site.hosts[1].rank = 0;
  EXPECT_NE(sites.index(site), first);
  EXPECT_EQ(sites.size(), 4U);
}

TEST(Sites, AreCalledByWhatTheirHostsShare) {
  struct Row {
    std::vector<std::string> hosts;
    std::string name;
  };
  for (const Row& row :
       std::vector<Row>{{{"mx.x.example"}, "mx.x.example"},
                        {{"mx1.x.example", "mx2.x.example"}, "x.example"},
                        {{"a.google.com", "alt1.a.google.com"}, "a.google.com"},
                        {{"mx.one.example", "mx.two.example"}, "mx.one.example"},
                        {{"192.0.2.1"}, "192.0.2.1"}}) {
    std::vector<SiteHost> hosts;
    for (const std::string& name : row.hosts) hosts.push_back({name, 0, 0});
    EXPECT_EQ(display_name(hosts), row.name);
  }
}

TEST(Hands, AMessageIsInOneHandAtATime) {
  Hands hands;
  auto id = *spoolfmt::MessageId::parse("1xUYvJ-0004Zg-2C");
  hands.expect(id, 3);
  EXPECT_TRUE(hands.take(id, 1));
  EXPECT_FALSE(hands.take(id, 2));
  EXPECT_FALSE(hands.last(id));
  EXPECT_EQ(hands.let_go(id, {}, false), (std::vector<SiteIndex>{2}));
  EXPECT_TRUE(hands.take(id, 2));
  EXPECT_TRUE(hands.let_go(id, {}, false).empty());
  EXPECT_TRUE(hands.last(id));
}

TEST(Hands, Q91_FailuresWaitForTheLastLeg) {
  Hands hands;
  auto id = *spoolfmt::MessageId::parse("1xUYvJ-0004Zg-2C");
  hands.expect(id, 2);
  ASSERT_TRUE(hands.take(id, 1));
  Carried carried = hands.carried(id);
  carried.failures.emplace_back();
  hands.let_go(id, std::move(carried), false);
  ASSERT_TRUE(hands.take(id, 2));
  EXPECT_TRUE(hands.last(id));
  EXPECT_EQ(hands.carried(id).failures.size(), 1U);
  hands.let_go(id, {}, false);
  EXPECT_TRUE(hands.untold().empty());
}

TEST(Hands, WhatNoLegToldIsLeft) {
  Hands hands;
  auto id = *spoolfmt::MessageId::parse("1xUYvJ-0004Zg-2C");
  hands.expect(id, 2);
  ASSERT_TRUE(hands.take(id, 1));
  Carried carried;
  carried.failures.emplace_back();
  hands.let_go(id, std::move(carried), false);
  auto left = hands.untold();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].first, id);
}

TEST(SentHeaders, LeaveOutWhatIsRemovedAndAddTheRest) {
  spoolfmt::HFile file;
  file.headers = {
      {' ', "X-One: 1\n"}, {'*', "X-Old: gone\n"}, {' ', "X-Two: 2\n\tmore\n"}};
  EXPECT_EQ(sent_headers(file, {}), "X-One: 1\nX-Two: 2\n\tmore\n\n");
  EXPECT_EQ(sent_headers(file, {{"X-New: 3"}, {"x-two"}}), "X-One: 1\nX-New: 3\n\n");
  EXPECT_EQ(sent_headers(file, {{}, {"x-*"}}), "\n");
}

}  // namespace
