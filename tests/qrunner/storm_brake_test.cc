// SPDX-License-Identifier: Apache-2.0
#include "qrunner/storm_brake.h"

#include <gtest/gtest.h>

namespace {

using qrunner::StormBrake;
using Answer = StormBrake::Answer;

TEST(StormBrake, HoldsWhatIsTooMuchForADomainAndTellsOnce) {
  StormBrake brake(2);
  EXPECT_EQ(brake.ask("a@x.example"), Answer::go);
  EXPECT_EQ(brake.ask("b@X.Example"), Answer::go);
  EXPECT_EQ(brake.ask("c@x.example"), Answer::hold_and_tell);
  EXPECT_EQ(brake.ask("a@x.example"), Answer::hold);
  EXPECT_EQ(brake.ask("a@x.example"), Answer::hold);
  EXPECT_EQ(brake.ask("a@y.example"), Answer::go);
  EXPECT_EQ(StormBrake::log_line("c@X.example", 2),
            "more than 2 bounces to x.example in this run: the rest wait for the next "
            "one");
}

TEST(StormBrake, ZeroIsNoLimit) {
  StormBrake brake(0);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(brake.ask("a@x.example"), Answer::go);
}

}  // namespace
