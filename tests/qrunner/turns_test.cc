// SPDX-License-Identifier: Apache-2.0
#include "qrunner/turns.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

using qrunner::SiteIndex;
using qrunner::Turns;

TEST(Turns, FewerLegsFirstAndEqualsAsTheyCame) {
  Turns turns;
  std::size_t legs[] = {1'000'000, 3, 70, 3, 1, 100};
  for (SiteIndex site = 0; site < 6; ++site) turns.join(site, legs[site], 0);
  std::vector<SiteIndex> order;
  while (!turns.empty()) order.push_back(turns.next());
  EXPECT_EQ(order, (std::vector<SiteIndex>{4, 1, 3, 2, 5, 0}));
}

TEST(Turns, ASiteHasOneTurnInARound) {
  Turns turns;
  turns.join(0, 1, 0);
  turns.join(1, 1'000, 0);
  EXPECT_EQ(turns.next(), 0U);
  turns.join(0, 1, turns.round());
  EXPECT_EQ(turns.next(), 1U) << "the small one was served in this round";
  turns.join(1, 1'000, turns.round());
  EXPECT_EQ(turns.next(), 0U);
  EXPECT_EQ(turns.next(), 1U);
  EXPECT_TRUE(turns.empty());
}

}  // namespace
