// SPDX-License-Identifier: Apache-2.0
//
// Makes messages of many sessions durable together (base/sync_rounds.h).
//
// A message goes through the order of spoolfmt/new_message.h: written (-D and
// hdr.<id>), both synced, renamed, its directory synced, logged, its session woken. The
// files of some are synced beside the directories of others.  One message's trouble is
// its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/sync_rounds.h"
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
  // Both must outlive it, and it must end before the loops it serves.  At its end what
  // was handed over is done.
  Committer(base::MainLog& log, const base::Clock& clock);
  // Returns when the message is durable and logged, or has failed.
  asio::awaitable<void> commit(Commit& message);

 private:
  base::MainLog& log_;
  const base::Clock& clock_;
  base::SyncRounds rounds_;
};

}  // namespace receiver
