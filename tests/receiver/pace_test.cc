// SPDX-License-Identifier: Apache-2.0
#include "receiver/pace.h"

#include <gmock/gmock.h>

namespace receiver {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const Pace::Time kStart{};

TEST(Pace, LetsASlowClientGoOnThatSendsEnough) {
  Pace pace(kStart);
  for (auto now = kStart + 10s; now < kStart + 20min; now += 10s)
    ASSERT_TRUE(pace.came(1000, now));
}

TEST(Pace, OP3_EndsOneThatDripsBytesWithinFourMinutes) {
  Pace pace(kStart);
  auto now = kStart;
  while (pace.came(1, now += 30s)) ASSERT_LT(now, kStart + 4min);
  EXPECT_GE(now, kStart + Pace::kWindow);
}

TEST(Pace, EndsAMessageThatTakesTooLongAltogether) {
  Pace pace(kStart);
  auto now = kStart;
  while (pace.came(100'000, now += 10s)) ASSERT_LT(now, kStart + 31min);
  EXPECT_EQ(now, kStart + Pace::kLongest);
}

TEST(Pace, TellsWhenSomethingMustHaveCome) {
  Pace pace(kStart);
  EXPECT_EQ(pace.deadline(), kStart + Pace::kWindow);
  EXPECT_TRUE(pace.came(1 << 20, kStart + 29min));
  EXPECT_EQ(pace.deadline(), kStart + Pace::kLongest);
}

TEST(Slowdown, OP13_FollowsTheFourNumbers) {
  Slowdown slowdown = *Slowdown::parse("2,0.5s,1.5,4s");
  EXPECT_EQ(slowdown.delay(1), 0ms);
  EXPECT_EQ(slowdown.delay(2), 0ms);
  EXPECT_EQ(slowdown.delay(3), 500ms);
  EXPECT_EQ(slowdown.delay(4), 750ms);
  EXPECT_EQ(slowdown.delay(5), 1125ms);
  EXPECT_EQ(slowdown.delay(9), 4000ms);
  EXPECT_EQ(slowdown.delay(100'000), 4000ms);
}

TEST(Slowdown, SaysWhatIsWrong) {
  for (const char* text :
       {"", "2", "2,1s,1", "2,1s,0.5,4m", "x,1s,1,4m", "2,1s,1,4m,5"})
    EXPECT_THAT(Slowdown::parse(text).error().text,
                HasSubstr("write THRESHOLD,DELAY,FACTOR,LONGEST"))
        << text;
}

}  // namespace
}  // namespace receiver
