// SPDX-License-Identifier: Apache-2.0
#include "base/sync_rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temp_dir.h"

namespace base {
namespace {

using testing::ElementsAre;
using Wishes = SyncRounds::Wishes;

// Something to wait for that comes, or does not within ten seconds.
class Count {
 public:
  void add() {
    std::lock_guard guard(mutex_);
    ++count_;
    more_.notify_all();
  }
  bool reaches(int wanted) {
    std::unique_lock lock(mutex_);
    return more_.wait_for(lock, std::chrono::seconds(10),
                          [&] { return count_ >= wanted; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  int count_ = 0;
};

// Wishes once, and keeps what became of that.
class Once : public SyncRounds::Work {
 public:
  using Wish = std::function<void(Wishes&)>;
  Once(Wish wish, std::optional<Result<void>>& result)
      : wish_(std::move(wish)), result_(result) {}

  void go_on(Result<void> synced, Wishes& wishes) override {
    if (wish_)
      std::exchange(wish_, nullptr)(wishes);
    else
      result_ = std::move(synced);
  }

 private:
  Wish wish_;
  std::optional<Result<void>>& result_;
};

struct Rounds {
  std::optional<Result<void>>& start(Once::Wish wish) {
    auto& result = results.emplace_back();
    rounds->start(std::make_unique<Once>(std::move(wish), result));
    return result;
  }
  // Until all is over.
  void end() { rounds.reset(); }

  std::deque<std::optional<Result<void>>> results;
  std::optional<SyncRounds> rounds{std::in_place, 100};
};

Result<void> fine() {
  return {};
}

TEST(SyncRoundsThreads, WhoWishesWhileARoundIsUnderWaySharesTheNextOne) {
  constexpr int kMany = 40;
  constexpr int kSurely = 20;  // the last ones may miss it
  Rounds rounds;
  Count under_way, wished, at_once;
  rounds.start([&](Wishes& wishes) {
    wishes.sync([&] {
      under_way.add();
      return wished.reaches(kMany) ? fine() : fail(Code::disk, "");
    });
  });
  ASSERT_TRUE(under_way.reaches(1));
  for (int i = 0; i < kMany; ++i)
    rounds.start([&](Wishes& wishes) {
      wishes.sync([&] {
        at_once.add();
        return at_once.reaches(kSurely) ? fine() : fail(Code::disk, "alone");
      });
      wished.add();
    });
  rounds.end();
  for (const auto& result : rounds.results) {
    ASSERT_TRUE(result);
    EXPECT_TRUE(*result);
  }
}

TEST(SyncRoundsThreads, AllBytesAreWithTheDiskBeforeTheFirstSync) {
  Rounds rounds;
  std::mutex mutex;
  std::vector<std::string> calls;
  auto call = [&](std::string name) {
    return [&, name] {
      std::lock_guard guard(mutex);
      calls.push_back(name);
      return fine();
    };
  };
  rounds.start([&](Wishes& wishes) {
    wishes.wait(call("wait 1"));
    wishes.sync(call("sync"));
    wishes.wait(call("wait 2"));
  });
  rounds.end();
  EXPECT_THAT(calls, ElementsAre("wait 1", "wait 2", "sync"));
}

TEST(SyncRoundsThreads, AFailureIsToldToWhomItBefell) {
  Rounds rounds;
  bool synced = false;
  auto& at_wait = rounds.start([&](Wishes& wishes) {
    wishes.wait([] { return fail(Code::disk, "not written"); });
    wishes.sync([&] {
      synced = true;
      return fine();
    });
  });
  auto& at_sync = rounds.start([](Wishes& wishes) {
    wishes.sync(fine);
    wishes.sync([] { return fail(Code::disk, "not synced"); });
  });
  auto& at_directory =
      rounds.start([](Wishes& wishes) { wishes.sync_directory("/nowhere/at/all"); });
  support::TempDir dir;
  auto& sound = rounds.start([&](Wishes& wishes) {
    wishes.wait(fine);
    wishes.sync(fine);
    wishes.sync_directory(dir.path());
  });
  rounds.end();
  EXPECT_EQ(at_wait->error().text, "not written");
  EXPECT_FALSE(synced);
  EXPECT_EQ(at_sync->error().text, "not synced");
  EXPECT_THAT(at_directory->error().text, testing::HasSubstr("/nowhere/at/all"));
  EXPECT_TRUE(*sound);
}

// Wishes several times, as a message does.
class Steps : public SyncRounds::Work {
 public:
  Steps(int steps, Count& ends) : steps_(steps), ends_(ends) {}
  ~Steps() override { ends_.add(); }

  void go_on(Result<void>, Wishes& wishes) override {
    if (steps_-- > 0) wishes.sync(fine);
  }

 private:
  int steps_;
  Count& ends_;
};

TEST(SyncRoundsThreads, WhatWasStartedIsOverAtTheEnd) {
  constexpr int kMany = 200;
  Count ends;
  {
    SyncRounds rounds(4);
    for (int i = 0; i < kMany; ++i) rounds.start(std::make_unique<Steps>(i % 4, ends));
  }
  EXPECT_TRUE(ends.reaches(kMany));
}

}  // namespace
}  // namespace base
