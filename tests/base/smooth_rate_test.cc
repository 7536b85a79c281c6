// SPDX-License-Identifier: Apache-2.0
#include "base/smooth_rate.h"

#include <gtest/gtest.h>

namespace {

using base::SmoothRate;
using namespace std::chrono_literals;

constexpr SmoothRate::Instant kStart{1h};

// Ten a second, for a minute and then no more.
double rate_after(std::chrono::milliseconds quiet, std::chrono::milliseconds step) {
  SmoothRate rate;
  double seen = 0;
  constexpr std::chrono::milliseconds kBusy = 1min;
  for (auto t = 0ms; t <= kBusy + quiet; t += step)
    seen =
        rate.look(static_cast<std::uint64_t>(std::min(t, kBusy) / 100ms), kStart + t);
  return seen;
}

TEST(SmoothRate, IsWhatItWasOverTheLastSecondsHoweverOftenOneLooks) {
  for (auto step : {100ms, 250ms, 1000ms, 5000ms}) {
    EXPECT_NEAR(rate_after(0ms, step), 10, 0.1) << step.count();
    EXPECT_NEAR(rate_after(5s, step), 10 / std::exp(1), 0.1) << step.count();
    EXPECT_NEAR(rate_after(1min, step), 0, 0.01) << step.count();
  }
}

TEST(SmoothRate, TheFirstLookTellsSomething) {
  SmoothRate rate;
  EXPECT_GT(rate.look(1, kStart), 0);
  double seen = rate.look(2, kStart + 1s);
  EXPECT_EQ(rate.look(3, kStart + 1s), seen) << "no time has passed";
  EXPECT_GT(rate.look(3, kStart + 2s), 0) << "what came meanwhile is not lost";
}

}  // namespace
