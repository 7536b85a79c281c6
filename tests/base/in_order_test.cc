// SPDX-License-Identifier: Apache-2.0
#include "base/in_order.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace base {
namespace {

using Squares = InOrder<int, int>;

// Chunks 0, 1, 2, ... up to `count`.
Squares::Source numbers(int count) {
  return [next = 0, count]() mutable -> std::optional<int> {
    if (next == count) return std::nullopt;
    return next++;
  };
}

TEST(InOrderThreads, HandsOnWhatWasGivenOutInThatOrder) {
  for (unsigned threads : {1U, 2U, 64U}) {
    Squares work(
        numbers(5000),
        [] {
          return [](int& n) {
            // Later chunks are quicker, so order is not an accident.
            volatile int spin = (n % 7 == 0) ? 20000 : 1;
            while (spin > 0) spin = spin - 1;
            return n * n;
          };
        },
        threads);
    int expected = 0;
    work.run([&](int square) {
      EXPECT_EQ(square, expected * expected);
      ++expected;
      return true;
    });
    EXPECT_EQ(expected, 5000);
  }
}

TEST(InOrderThreads, AnEmptySourceIsTheEnd) {
  Squares work(numbers(0), [] { return [](int& n) { return n; }; });
  work.run([](int) {
    ADD_FAILURE();
    return true;
  });
}

TEST(InOrderThreads, StopsWhenTheReaderHasEnough) {
  std::atomic<int> worked = 0;
  Squares work(numbers(1'000'000), [&] {
    return [&](int& n) {
      ++worked;
      return n;
    };
  });
  int seen = 0;
  work.run([&](int) { return ++seen < 10; });
  EXPECT_EQ(seen, 10);
  // No more than what was under way: memory is bounded by the threads, not the source.
  EXPECT_LT(worked, 2000);
}

// Gives the processor up so many times, as one who reads a cold disk does.
void wait_times(long times) {
  auto waits = [] {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
  };
  for (long before = waits(); waits() - before < times;)
    std::this_thread::sleep_for(std::chrono::nanoseconds(1));
}

TEST(InOrderThreads, AddsThreadsWhileTheyWaitUpToTheMost) {
  for (unsigned most : {1U, 7U}) {
    std::atomic<unsigned> threads = 0;
    Squares work(
        numbers(1000),
        [&] {
          ++threads;
          return [](int& n) {
            wait_times(8);
            return n;
          };
        },
        most);
    work.run([](int) { return true; });
    EXPECT_EQ(threads, most);
  }
}

TEST(InOrderThreads, AWorkerKeepsItsOwnBuffers) {
  InOrder<int, std::string> work(numbers(1000), [] {
    return [buffer = std::string()](int& n) mutable {
      buffer = std::to_string(n);
      return buffer;
    };
  });
  int expected = 0;
  work.run([&](const std::string& text) {
    EXPECT_EQ(text, std::to_string(expected++));
    return true;
  });
  EXPECT_EQ(expected, 1000);
}

}  // namespace
}  // namespace base
