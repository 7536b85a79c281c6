// SPDX-License-Identifier: Apache-2.0
#include "policy/ratelimit.h"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using policy::cut_written;
using policy::RateLimit;
using std::chrono::microseconds;
using std::chrono::seconds;

TEST(RateLimit, S10_9_ReadsItsParts) {
  auto limit = policy::take_ratelimit(cut_written(
      "1.5k / 1h30m / strict / per_rcpt / count=3 / unique=x / a / b", "/"));
  ASSERT_TRUE(limit) << limit.error().text;
  EXPECT_EQ(limit->limit, 1536);
  EXPECT_EQ(limit->period, seconds(5400));
  EXPECT_EQ(limit->limit_text, "1.5k");
  EXPECT_TRUE(limit->strict);
  EXPECT_FALSE(limit->readonly);
  EXPECT_EQ(limit->per, RateLimit::Per::rcpt);
  EXPECT_EQ(limit->count, 3);
  EXPECT_EQ(limit->unique, "x");
  EXPECT_EQ(limit->key, "a/b");
}

TEST(RateLimit, S10_9_SaysWhatIsWrong) {
  struct Row {
    std::string_view text, error;
  };
  for (const Row &row : std::initializer_list<Row>{
           {"x / 1h", "\"x\" is not a positive number"},
           {"-1 / 1h", "\"-1\" is not a positive number"},
           {"1 / 1x", "\"1x\" is not a time value"},
           {"1 / 0s", "\"0s\" is not a time value"},
           {"1", "a period are needed"},
           {"1 / 1h / per_rcpt / per_mail", "conflicting per_* options"},
           {"1 / 1h / leaky / strict", "conflicting update modes"},
       }) {
    auto limit = policy::take_ratelimit(cut_written(row.text, "/"));
    ASSERT_FALSE(limit) << row.text;
    EXPECT_NE(limit.error().text.find(row.error), std::string::npos)
        << limit.error().text;
  }
}

// D3: what a stranger wrote is a key, whatever it reads like.
TEST(RateLimit, S10_9_TakesDataForAKey) {
  auto parts = cut_written("1 / 1h", "/");
  parts.push_back({"per_conn", 0});
  auto limit = policy::take_ratelimit(parts);
  ASSERT_TRUE(limit);
  EXPECT_EQ(limit->per, RateLimit::Per::mail);
  EXPECT_EQ(limit->key, "per_conn");
}

// "first event: the count; later with a = exp(-interval/period): rate =
// (1-a)*count*period/interval + a*rate, but at least count"
TEST(RateLimit, S10_9_IsASmoothedAverage) {
  const microseconds now = seconds(1'000'000);
  EXPECT_EQ(policy::next_rate(std::nullopt, 3, now, seconds(60)), 3);
  struct Row {
    double rate, count;
    seconds ago;
  };
  for (const Row &row : std::initializer_list<Row>{
           {10, 1, seconds(6)}, {10, 1, seconds(60)}, {1, 5, seconds(600)}}) {
    policy::RateEntry entry{now - row.ago, row.rate, ""};
    double ratio = double(row.ago.count()) / 60;
    double a = std::exp(-ratio);
    double expected = std::max((1 - a) * row.count / ratio + a * row.rate, row.count);
    EXPECT_NEAR(policy::next_rate(entry, row.count, now, seconds(60)), expected, 1e-9);
  }
  // "the second event at once measures slightly under 2.0" (20.24); a clock
  // that was set back is no different.
  policy::RateEntry later{now + seconds(5), 1, ""};
  EXPECT_NEAR(policy::next_rate(later, 1, now, seconds(60)), 2.0, 1e-6);
}

TEST(RateLimit, S10_9_CountsDifferentValuesOnce) {
  std::string unique;
  microseconds now = seconds(1'000'000);
  int added = 0;
  for (int i = 0; i < 100; ++i)
    for (int twice = 0; twice < 2; ++twice)
      if (policy::add_unique(unique, "user" + std::to_string(i), 100, now, seconds(60)))
        ++added;
  EXPECT_GE(added, 98);
  EXPECT_LE(added, 100);
  EXPECT_TRUE(policy::add_unique(unique, "user1", 100, now + seconds(61), seconds(60)))
      << "a new period begins anew";
}

}  // namespace
