// SPDX-License-Identifier: Apache-2.0
//
// The end of messages: what a message has on the disk goes, then its directory is
// synced, and its journal goes last.
//
// Everybody has the message, and nothing says so better than that it is gone; only a
// power cut may undo that until the directory is synced, and that is slow.  So those
// that end at about the same time share a sync (base/sync_rounds.h).
//
// What has to be written down before is done here, too, if it does not wait for the
// disk by itself: a thread to wake costs as much as the writing.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "base/result.h"
#include "base/sync_rounds.h"
#include "net/suspend.h"
#include "qrunner/outgoing.h"

namespace qrunner {

class Completions {
 public:
  // The end of a message may not last, for that reason: is that on record?  Called from
  // any thread.
  using Unsynced =
      std::function<base::Result<void>(const Outgoing&, const base::Error&)>;

  Completions(base::MainLog& log, Unsynced unsynced);

  // What ends a message, or did; says its last line for the log.
  using Finish = std::function<base::Result<std::string>()>;

  // Returns when the end of `message` lasts and its last line is logged, or it failed.
  // To be called on the loop.
  asio::awaitable<base::Result<void>> commit(std::unique_ptr<Outgoing> message,
                                             Finish finish);

  // Messages whose end is not durable yet.
  std::size_t waiting() const { return waiting_; }

 private:
  base::MainLog& log_;
  const Unsynced unsynced_;
  std::size_t waiting_ = 0;
  base::SyncRounds rounds_;
};

}  // namespace qrunner
