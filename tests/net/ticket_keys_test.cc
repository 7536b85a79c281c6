// SPDX-License-Identifier: Apache-2.0
#include "net/ticket_keys.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace net {
namespace {

using namespace std::chrono_literals;

struct TicketKeysTest : testing::Test {
  support::FakeClock clock;
  TicketKeys keys{clock};
};

TEST_F(TicketKeysTest, NamesBeginWithE) {
  EXPECT_EQ(keys.current()->name[0], 'E');
}

TEST_F(TicketKeysTest, StayForHalfTheirLife) {
  auto set = keys.current();
  clock.advance(3599s);
  EXPECT_EQ(keys.current(), set);
  EXPECT_FALSE(keys.find(set->name).renew);
}

TEST_F(TicketKeysTest, RS3_AreRenewedAfterHalfTheirLifeAndStillFound) {
  auto set = keys.current();
  clock.advance(3600s);
  EXPECT_NE(keys.current(), set);
  auto found = keys.find(set->name);
  EXPECT_EQ(found.set, set);
  EXPECT_TRUE(found.renew);
}

TEST_F(TicketKeysTest, RS2_AreForgottenAfterTwoRotations) {
  auto set = keys.current();
  clock.advance(3600s);
  keys.current();
  clock.advance(3600s);
  keys.current();
  EXPECT_EQ(keys.find(set->name).set, nullptr);
}

TEST_F(TicketKeysTest, AreTooOldAfterTheirLifeWhoeverAskedMeanwhile) {
  auto set = keys.current();
  clock.advance(7200s);
  EXPECT_EQ(keys.find(set->name).set, nullptr);
}

TEST_F(TicketKeysTest, OfAFutureThatIsNotAnyMoreAreRenewed) {
  auto set = keys.current();
  clock.advance(-10s);
  EXPECT_NE(keys.current(), set);
  EXPECT_EQ(keys.find(set->name).set, set);
}

TEST_F(TicketKeysTest, AreNotFoundByAnotherName) {
  auto name = keys.current()->name;
  name[15] ^= 1;
  EXPECT_EQ(keys.find(name).set, nullptr);
}

}  // namespace
}  // namespace net
