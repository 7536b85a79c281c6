// SPDX-License-Identifier: Apache-2.0
//
// Group commit: makes messages of many sessions durable together.
//
// A thread takes all messages that wait, and does each step of the order for all of
// them (spoolfmt/new_message.h): -D and hdr.<id> written, synced, renamed; each
// directory synced once; log lines; wake their sessions.  The syncs of a batch go to
// the disk side by side, so that the file system does them in one commit: nearly as
// fast as syncfs(2), but a failure has a name, and nobody else's data is waited for.
//
//   Nobody waits for a batch to
// fill: a message that comes alone goes alone, and those that come meanwhile are the
// next batch.  One message's trouble is its own.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/crew.h"
#include "base/log.h"
#include "base/result.h"
#include "net/suspend.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/new_message.h"
#include "spoolfmt/spool.h"

namespace receiver {

namespace asio = boost::asio;

// What the logs say of a message that came.
struct LogLines {
  std::string main;     // "<= a@b.example H=..."
  std::string message;  // "Received from ..." for the message log; "": it gets none
};

// A message for the committer, and what became of it.
struct Commit {
  const spoolfmt::Spool& spool;
  std::optional<spoolfmt::NewMessage>& message;  // made here, if it is not there yet
  spoolfmt::HFile file;
  std::string_view rest;  // of the body
  LogLines lines;
  base::Result<void> result;
  net::Wake wake;
};

class Committer {
 public:
  // Both must outlive it, and it must end before the loops it serves.
  Committer(base::MainLog& log, const base::Clock& clock);
  ~Committer();  // what was handed over is done
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Returns when the message is durable and logged, or has failed.
  asio::awaitable<void> commit(Commit& message);

 private:
  using Batch = std::vector<Commit*>;

  void work();
  Batch next_batch();  // empty: the end
  void sync_files(Batch& batch);
  void sync_directories(Batch& batch);
  base::Result<void> tell_logs(Commit& one) const;

  base::MainLog& log_;
  const base::Clock& clock_;
  base::Crew crew_;
  std::mutex mutex_;
  std::condition_variable more_;
  Batch waiting_;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace receiver
