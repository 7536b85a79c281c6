// SPDX-License-Identifier: Apache-2.0
#include "net/task_group.h"

#include <signal.h>

#include <atomic>
#include <thread>

#include "net/event.h"
#include "net/pool.h"
#include "tests/net/net_fixture.h"

namespace net {
namespace {

class TaskGroupTest : public NetTest {};

asio::awaitable<void> wait_for(Event& event, int& ended) {
  struct Count {
    int& count;
    ~Count() { ++count; }
  } count{ended};
  co_await event.wait();
}

TEST_F(TaskGroupTest, StopCancelsAllAndWaitsForTheLast) {
  Event never(loop);
  int ended = 0;
  TaskGroup others(loop);
  for (int i = 0; i < 100; ++i) others.spawn(wait_for(never, ended));
  EXPECT_EQ(others.size(), 100u);
  bool waited = false;
  auto stop = [](TaskGroup& group, bool& done) -> asio::awaitable<void> {
    co_await sleep_for(1ms);
    group.cancel();
    co_await group.wait();
    done = true;
  };
  tasks.spawn(stop(others, waited));
  run();
  EXPECT_TRUE(waited);
  EXPECT_EQ(ended, 100);
  EXPECT_EQ(others.size(), 0u);
  others.spawn(wait_for(never, ended));  // dropped
  EXPECT_EQ(others.size(), 0u);
}

// The reactor finds both timers expired at once: the beat's cannot be cancelled then.
TEST_F(TaskGroupTest, ABeatEndsThoughItIsDueWhenTheLastTaskEnds) {
  auto hold_up = [](std::chrono::milliseconds so_long) {
    auto until = std::chrono::steady_clock::now() + so_long;
    while (std::chrono::steady_clock::now() < until) {
    }
  };
  auto nap = []() -> asio::awaitable<void> { co_await sleep_for(1ms); };
  int beats = 0;
  auto beat = [&] {
    if (++beats > 100) loop.stop();
  };
  tasks.spawn(nap());
  loop.post([&] { loop.every(2ms, beat); });
  loop.post([&] { hold_up(20ms); });
  run();
  EXPECT_LE(beats, 1);
}

TEST_F(TaskGroupTest, CancelEndsAnAccept) {
  auto accept = [](Listener& at) -> asio::awaitable<void> { co_await at.accept(); };
  auto cancel = [](TaskGroup& group) -> asio::awaitable<void> {
    co_await sleep_for(1ms);
    group.cancel();
  };
  tasks.spawn(accept(listener));
  tasks.spawn(cancel(tasks));
  run();
}

TEST_F(TaskGroupTest, ReportsABugAndGoesOn) {
  auto buggy = []() -> asio::awaitable<void> {
    co_await sleep_for(0s);
    throw std::logic_error("deliberate");
  };
  testing::internal::CaptureStderr();
  tasks.spawn(buggy());
  run();
  EXPECT_TRUE(testing::internal::GetCapturedStderr().contains("bug: deliberate"));
}

TEST_F(TaskGroupTest, SignalsReachTheLoopAndDoNotKeepIt) {
  int seen = 0;
  loop.on_signals({SIGUSR1}, [&](int number) {
    seen = number;
    tasks.cancel();
  });
  Event never(loop);
  int ended = 0;
  tasks.spawn(wait_for(never, ended));
  loop.post([] { ::raise(SIGUSR1); });
  run();
  EXPECT_EQ(seen, SIGUSR1);
}

TEST_F(TaskGroupTest, AnEventWakesAllAndStaysOpen) {
  Event event(loop);
  int ended = 0;
  for (int i = 0; i < 3; ++i) tasks.spawn(wait_for(event, ended));
  auto open = [](Event& gate) -> asio::awaitable<void> {
    co_await sleep_for(1ms);
    gate.open();
    co_await gate.wait();
  };
  tasks.spawn(open(event));
  run();
  EXPECT_EQ(ended, 3);
}

asio::awaitable<void> work(Pool& pool, Loop& loop, std::atomic<int>& sum, bool& home) {
  std::thread::id before = std::this_thread::get_id();
  auto job = [&sum] {
    sum += 1;
    return std::this_thread::get_id();
  };
  std::thread::id inside = co_await pool.run(job);
  home = inside != before && std::this_thread::get_id() == before;
  auto nothing = [&sum] { sum += 100; };
  co_await pool.run(nothing);
  loop.post([&sum] { sum += 10000; });
}

TEST(PoolThreads, RunsElsewhereAndComesHome) {
  Loop loop;
  Pool pool(3);
  TaskGroup tasks(loop);
  std::atomic<int> sum = 0;
  bool home[50] = {};
  for (bool& one : home) tasks.spawn(work(pool, loop, sum, one));
  loop.run();
  EXPECT_EQ(sum, 50 * 10101);
  for (bool one : home) EXPECT_TRUE(one);
}

TEST(PoolThreads, CountsTheJobsThatWaitForAThread) {
  Loop loop;
  Pool pool(1);
  TaskGroup tasks(loop);
  std::atomic<bool> begun = false, may_end = false;
  auto task = [](Pool& on, std::atomic<bool>& started,
                 std::atomic<bool>& go) -> asio::awaitable<void> {
    auto job = [&] {
      started = true;
      started.notify_all();
      go.wait(false);
    };
    co_await on.run(job);
  };
  for (int i = 0; i < 3; ++i) tasks.spawn(task(pool, begun, may_end));
  std::size_t waiting = 0;
  std::thread other([&] {
    begun.wait(false);
    loop.post([&] {
      waiting = pool.waiting();
      may_end = true;
      may_end.notify_all();
    });
  });
  loop.run();
  other.join();
  EXPECT_EQ(waiting, 2u);
  EXPECT_EQ(pool.waiting(), 0u);
}

TEST(PoolThreads, FinishesAJobOfACancelledTask) {
  Loop loop;
  Pool pool(1);
  TaskGroup tasks(loop);
  std::atomic<bool> started = false, may_end = false, finished = false;
  auto task = [](Pool& on, std::atomic<bool>& begun, std::atomic<bool>& go,
                 std::atomic<bool>& done) -> asio::awaitable<void> {
    auto job = [&] {
      begun = true;
      begun.notify_all();
      go.wait(false);
      done = true;
    };
    co_await on.run(job);
  };
  tasks.spawn(task(pool, started, may_end, finished));
  std::thread other([&] {
    started.wait(false);
    loop.post([&] {
      tasks.cancel();
      may_end = true;
      may_end.notify_all();
    });
  });
  loop.run();
  other.join();
  EXPECT_TRUE(finished);
  EXPECT_EQ(tasks.size(), 0u);
}

}  // namespace
}  // namespace net
