// SPDX-License-Identifier: Apache-2.0
//
// Group commit: what many want on the disk goes there together.
//
// A piece of work does what it can without waiting, wishes what has to be durable
// before it goes on, and goes on when that is so.  Syncs go to the disk in rounds, one
// after the other, each for everybody who has a wish by then.  The calls of a round
// wait side by side, so that the file system does them in one commit: nearly as fast as
// syncfs(2), but a failure has a name, and nobody else's data is waited for.
//
// Nobody waits for a round to fill: a wish that comes alone has a round of its own.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/crew.h"
#include "base/result.h"

namespace base {

class SyncRounds {
 public:
  using Call = std::function<Result<void>()>;

  class Wishes {
   public:
    // `wait` returns when a file's bytes are with the disk; after all that, `sync`.
    void wait(Call call) { waits_.push_back(std::move(call)); }
    void sync(Call call) { syncs_.push_back(std::move(call)); }
    void sync_directory(std::string path) { directories_.push_back(std::move(path)); }

   private:
    friend class SyncRounds;
    bool none() const {
      return waits_.empty() && syncs_.empty() && directories_.empty();
    }
    std::vector<Call> waits_, syncs_;
    std::vector<std::string> directories_;
  };

  class Work {
   public:
    virtual ~Work() = default;
    // Called by one thread after the other.  `synced`: what became of the wishes of the
    // last time, the first failure if there are several.  Without new ones it is over,
    // and destroyed.
    virtual void go_on(Result<void> synced, Wishes& wishes) = 0;
  };

  // So many calls wait side by side.
  explicit SyncRounds(unsigned calls);
  ~SyncRounds();  // when all work is over
  SyncRounds(const SyncRounds&) = delete;
  SyncRounds& operator=(const SyncRounds&) = delete;

  void start(std::unique_ptr<Work> work);  // from any thread

 private:
  struct Rider {
    std::unique_ptr<Work> work;
    Wishes wishes{};
    Result<void> result{};
    std::vector<Result<void>> synced{};  // of wishes.syncs_
  };

  void run();
  void move_one(std::unique_lock<std::mutex>& lock);
  void go_round(std::unique_lock<std::mutex>& lock);
  void sync(std::vector<Rider>& riders);

  Crew crew_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Rider> moving_;    // to be called
  std::vector<Rider> wishing_;  // for the next round
  bool in_round_ = false;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace base
