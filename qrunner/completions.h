// SPDX-License-Identifier: Apache-2.0
//
// The end of messages: what a message has on the disk goes, then its directory is
// synced, and its journal goes last.
//
// Everybody has the message, and nothing says so better than that it is gone; only a
// power cut may undo that until the directory is synced, and that is slow.  So it is a
// group commit: while one batch of messages waits for the disk, those that end
// meanwhile are the next batch, and each directory is synced once a batch.
//
// What has to be written down before is done here, too, if it does not wait for the
// disk by itself: a thread to wake costs as much as the writing.
//
// Lives on the loop.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/crew.h"
#include "base/log.h"
#include "base/result.h"
#include "net/pool.h"
#include "net/suspend.h"
#include "net/task_group.h"
#include "qrunner/outgoing.h"

namespace qrunner {

class Completions {
 public:
  // The end of a message may not last, for that reason: is that on record?  On the
  // pool.
  using Unsynced =
      std::function<base::Result<void>(const Outgoing&, const base::Error&)>;

  // `tasks` are never cancelled.
  Completions(net::Pool& pool, net::TaskGroup& tasks, base::MainLog& log,
              Unsynced unsynced);

  // What ends a message, or did; says its last line for the log.
  using Finish = std::function<base::Result<std::string>()>;

  // Returns when the end of `message` lasts and its last line is logged, or it failed.
  asio::awaitable<base::Result<void>> commit(std::unique_ptr<Outgoing> message,
                                             Finish finish);

  // Messages that wait for the disk.
  std::size_t waiting() const { return in_hand_; }

 private:
  struct One {
    std::unique_ptr<Outgoing> message;
    Finish finish;
    base::Result<void>* result;
    net::Wake wake;
    std::string line{};
  };
  using Batch = std::vector<One>;

  asio::awaitable<void> work();
  asio::awaitable<void> clear(Batch batch);
  static void finish(One& one);
  void make_durable(Batch& batch);
  void sync_directories(Batch& batch);

  net::Pool& pool_;
  net::TaskGroup& tasks_;
  base::MainLog& log_;
  Unsynced unsynced_;
  base::Crew crew_;
  Batch waiting_;
  std::size_t in_hand_ = 0;  // waiting_, and the batch that is written
  bool working_ = false;
};

}  // namespace qrunner
