// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <iterator>
#include <latch>
#include <thread>
#include <vector>

using base::Crew;

TEST(CrewThreads, DoesEachPieceOnce) {
  for (unsigned helpers : {0U, 1U, 5U}) {
    Crew crew(helpers);
    for (std::size_t count : {0U, 1U, 2U, 100U}) {
      std::vector<std::atomic<int>> done(count);
      crew.share(count, [&](std::size_t i) { ++done[i]; });
      for (const auto& times : done) EXPECT_EQ(times, 1);
    }
  }
}

TEST(CrewThreads, StartsNoMoreThanWereNeededAtOnce) {
  namespace fs = std::filesystem;
  auto threads = [] {
    return std::distance(fs::directory_iterator("/proc/self/task"), {});
  };
  Crew first(1);  // TSan starts one of its own with it
  first.share(2, [](std::size_t) {});
  auto before = threads();
  Crew crew(100);
  EXPECT_EQ(threads(), before);
  for (std::size_t count : {1U, 4U, 2U, 4U}) crew.share(count, [](std::size_t) {});
  EXPECT_EQ(threads(), before + 3);
}

TEST(CrewThreads, WaitsForSeveralThingsAtOnce) {
  Crew crew(3);
  std::latch all(4);  // opens only if four work at a time
  crew.share(4, [&](std::size_t) { all.arrive_and_wait(); });
}

TEST(CrewThreads, SeveralMayShare) {
  Crew crew(2);
  std::atomic<int> sum = 0;
  {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 4; ++caller)
      callers.emplace_back([&] {
        for (int i = 0; i < 100; ++i) crew.share(7, [&](std::size_t) { ++sum; });
      });
  }
  EXPECT_EQ(sum, 4 * 100 * 7);
}
