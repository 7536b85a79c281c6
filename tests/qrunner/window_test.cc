// SPDX-License-Identifier: Apache-2.0
#include "qrunner/window.h"

#include <gtest/gtest.h>

#include <chrono>

namespace {

using qrunner::Window;
using namespace std::chrono_literals;

constexpr Window::Settings kUsual{};
constexpr Window::Instant kBegin{1h};

// So many messages that went well while all was busy.
void succeed(Window& window, int times, Window::Span latency = 1ms,
             Window::Instant now = kBegin) {
  for (int i = 0; i < times; ++i) window.succeeded(latency, true, kUsual, now);
}

TEST(Window, OpensByOneForEachMessageUntilTheFirstTrouble) {
  Window window(kUsual);
  EXPECT_EQ(window.size(kUsual, kBegin), 3U);
  succeed(window, 5);
  EXPECT_EQ(window.size(kUsual, kBegin), 8U);
  succeed(window, 100);
  EXPECT_EQ(window.size(kUsual, kBegin), 20U) << "the ceiling";
}

TEST(Window, ThenByOneForEachRound) {
  Window window(kUsual);
  succeed(window, 5);
  window.failed(8, kUsual, kBegin);
  EXPECT_EQ(window.size(kUsual, kBegin), 4U);
  succeed(window, 3);
  EXPECT_EQ(window.size(kUsual, kBegin), 4U);
  succeed(window, 2);
  EXPECT_EQ(window.size(kUsual, kBegin), 5U);
}

TEST(Window, DoesNotOpenWhileAConnectionIsIdle) {
  Window window(kUsual);
  for (int i = 0; i < 100; ++i) window.succeeded(1ms, false, kUsual, kBegin);
  EXPECT_EQ(window.size(kUsual, kBegin), 3U);
}

TEST(Window, IsHalvedOnceInARoundTrip) {
  Window window(kUsual);
  succeed(window, 17, 500ms);
  for (int i = 0; i < 10; ++i) window.failed(20, kUsual, kBegin + i * 40ms);
  EXPECT_EQ(window.size(kUsual, kBegin), 10U);
  window.failed(20, kUsual, kBegin + 600ms);
  EXPECT_EQ(window.size(kUsual, kBegin), 5U);
}

TEST(Window, QR40_DoesNotOpenWhileTheLatencyIsTwiceTheLeastOfTheMinute) {
  Window window(kUsual);
  succeed(window, 2, 50ms);
  for (int i = 0; i < 20; ++i) window.succeeded(100ms, false, kUsual, kBegin + i * 1s);
  for (int i = 20; i < 60; ++i) window.succeeded(100ms, true, kUsual, kBegin + i * 1s);
  EXPECT_EQ(window.size(kUsual, kBegin), 5U);
  // Two minutes on that is how it is.
  window.succeeded(100ms, true, kUsual, kBegin + 121s);
  EXPECT_EQ(window.size(kUsual, kBegin), 6U);
}

TEST(Window, TakesNoMoodsOfOurOwnMachineForASlowFarEnd) {
  Window window(kUsual);
  succeed(window, 1, 50us);
  succeed(window, 30, 5ms);
  EXPECT_EQ(window.size(kUsual, kBegin), 20U);
}

TEST(Window, QR37_TooManyConnectionsCapIt) {
  Window window(kUsual);
  succeed(window, 3);
  window.crowded(6, kUsual, kBegin);
  EXPECT_EQ(window.cap(kBegin), 5U);
  succeed(window, 100);
  EXPECT_EQ(window.size(kUsual, kBegin), 5U);
  EXPECT_EQ(window.size(kUsual, kBegin + 599s), 5U);
  succeed(window, 10, 1ms, kBegin + 600s);
  EXPECT_GT(window.size(kUsual, kBegin + 600s), 5U) << "it is tried again";
}

TEST(Window, QR38_DeadIsACohortOfFailuresWithoutASuccess) {
  struct Row {
    int grown;         // from 3
    std::size_t open;  // at the first failure
    int failures;
  };
  for (const Row& row :
       {Row{0, 1, 3}, Row{0, 3, 3}, Row{7, 10, 10}, Row{17, 20, 20}, Row{17, 2, 3}}) {
    Window window(kUsual);
    succeed(window, row.grown);
    for (int i = 1; i <= row.failures; ++i) {
      EXPECT_FALSE(window.dead()) << i;
      window.failed(row.open, kUsual, kBegin);
    }
    EXPECT_TRUE(window.dead()) << row.failures;
    window.succeeded(1ms, true, kUsual, kBegin);
    EXPECT_FALSE(window.dead());
    EXPECT_EQ(window.size(kUsual, kBegin), 1U);
  }
}

TEST(Window, StartsWithHalfOfWhatWasLearned) {
  struct Row {
    double learned;
    std::size_t size;
  };
  for (const Row& row : {Row{16, 8}, Row{1, 1}, Row{5, 2}, Row{400, 20}}) {
    Window window(kUsual);
    window.learn(row.learned, kUsual);
    EXPECT_EQ(window.size(kUsual, kBegin), row.size) << row.learned;
  }
}

TEST(Window, AFixedOneIsTheCeilingButForACap) {
  constexpr Window::Settings kFixed{.ceiling = 7, .fixed = true};
  Window window(kFixed);
  EXPECT_EQ(window.size(kFixed, kBegin), 7U);
  window.failed(7, kFixed, kBegin);
  EXPECT_EQ(window.size(kFixed, kBegin), 7U);
  window.crowded(5, kFixed, kBegin);
  EXPECT_EQ(window.size(kFixed, kBegin), 4U);
}

}  // namespace
