// SPDX-License-Identifier: Apache-2.0
//
// Group commit: makes messages of many sessions durable together.
//
// A message goes through the order of spoolfmt/new_message.h: written (-D and
// hdr.<id>), both synced, renamed, its directory synced, logged, its session woken.
// Syncs go to the disk in rounds, one after the other, each for everybody who is there:
// the files of those that were written meanwhile, beside the directories of those whose
// files the round before has synced.  All calls of a round wait side by side, so that
// the file system does them in one commit: nearly as fast as syncfs(2), but a failure
// has a name, and nobody else's data is waited for.
//
// Nobody waits for a round to fill: a message that comes alone has two of its own.  One
// message's trouble is its own.
#pragma once

#include <condition_variable>
#include <deque>
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
  // Each does one thing without the lock, if there is anything of its kind to do.
  bool tell_one(std::unique_lock<std::mutex>& lock);
  bool write_one(std::unique_lock<std::mutex>& lock);
  bool sync_round(std::unique_lock<std::mutex>& lock);
  void sync(Batch& written, Batch& renamed);
  base::Result<void> tell_logs(Commit& one) const;

  base::MainLog& log_;
  const base::Clock& clock_;
  base::Crew crew_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Commit*> handed_over_;
  Batch written_;  // files that await their round
  Batch synced_;   // files are durable, names are not
  std::deque<Commit*> ended_;
  bool in_round_ = false;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace receiver
