// SPDX-License-Identifier: Apache-2.0
#include "qrunner/address_limits.h"

#include <gtest/gtest.h>

namespace {

using qrunner::AddressLimits;
using qrunner::SiteIndex;
using Sites = std::vector<SiteIndex>;

TEST(AddressLimits, CountsAddressesAndTheirNetworks) {
  struct Row {
    const char *one, *other, *third;
    bool third_fits;
  };
  // Two for each address, two for each network.
  for (const Row& row :
       {Row{"192.0.2.1", "192.0.2.1", "192.0.2.1", false},
        Row{"192.0.2.1", "192.0.2.2", "192.0.2.3", false},
        Row{"192.0.2.1", "192.0.2.2", "192.0.3.3", true},
        Row{"2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:1:3::", false},
        Row{"2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:2::", true}}) {
    AddressLimits limits({.per_address = 2, .per_network = 2});
    EXPECT_TRUE(limits.enter(row.one));
    EXPECT_TRUE(limits.enter(row.other));
    EXPECT_EQ(limits.enter(row.third), row.third_fits) << row.third;
    limits.leave(row.one);
    EXPECT_TRUE(limits.enter(row.third));
  }
}

TEST(AddressLimits, TellsWhoWaitsWhenThereIsRoom) {
  AddressLimits limits({.per_address = 1, .per_network = 2});
  EXPECT_TRUE(limits.enter("192.0.2.1"));
  EXPECT_TRUE(limits.enter("192.0.2.2"));
  EXPECT_TRUE(limits.wait("192.0.2.1", 7));  // for the address
  EXPECT_TRUE(limits.wait("192.0.2.3", 8));  // for the network
  EXPECT_TRUE(limits.wait("192.0.2.3", 9));
  EXPECT_EQ(limits.leave("192.0.2.2"), (Sites{8})) << "room for one";
  EXPECT_EQ(limits.leave("192.0.2.1"), (Sites{7, 9}));
  EXPECT_FALSE(limits.wait("192.0.2.1", 7)) << "there is room, so nobody waits";
}

TEST(AddressLimits, WhatOthersHaveOpenCountsToo) {
  std::size_t others = 1;
  std::vector<std::string> given_back;
  AddressLimits limits(
      {.per_address = 2,
       .per_network = 2,
       .take = [&](std::string_view) { return others + given_back.size() < 2; },
       .give_back =
           [&](std::string_view address) { given_back.emplace_back(address); }});
  EXPECT_TRUE(limits.enter("192.0.2.1"));
  others = 2;
  EXPECT_FALSE(limits.enter("192.0.2.1"));
  EXPECT_TRUE(limits.wait("192.0.2.1", 7));
  EXPECT_TRUE(limits.waits_for_others());
  EXPECT_EQ(limits.leave("192.0.2.1"), Sites{}) << "nobody waits for us";
  EXPECT_EQ(given_back, std::vector<std::string>{"192.0.2.1"});
  EXPECT_EQ(limits.look_again(), (Sites{7}));
  EXPECT_FALSE(limits.waits_for_others());
}

}  // namespace
