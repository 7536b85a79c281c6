// SPDX-License-Identifier: Apache-2.0
//
// Writes down what became of a message, in the order that makes a crash harmless:
// the record and its sync, log, bounces, then it either goes, or -H is rewritten and -J
// goes (Exim manual, "Format of spool files"; spec/queue-run.md 9).  The record of a
// delivery is its line in the journal, synced; of the last one it is the end of the
// message, and the line need not be synced (completions.h).
//
// A bounce is for all who failed for one sender, so failures wait for the last leg of
// their message: what waits is carried from leg to leg, and a crash forgets it, so that
// the next run tries and fails again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "policy/log_selector.h"
#include "qrunner/emergency_journal.h"
#include "qrunner/outgoing.h"
#include "qrunner/reports.h"
#include "qrunner/retry_book.h"
#include "qrunner/settlement.h"

namespace qrunner {

// How a run counts; one object for all its threads.
struct Tally {
  std::atomic<std::uint64_t> completed{0};  // messages
  std::atomic<std::uint64_t> remaining{0};  // messages tried and kept
  std::atomic<std::uint64_t> delivered{0};  // recipients
  std::atomic<std::uint64_t> deferred{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> locked{0};  // messages
  std::atomic<std::uint64_t> damaged{0};
  std::atomic<std::uint64_t> foreign{0};  // messages left to Exim
  std::atomic<std::uint64_t> not_due{0};  // messages whose retry time has not come
  std::atomic<std::uint64_t> unknown{0};  // messages without an answer to their dot
  std::atomic<std::uint64_t> connections{0};
};

// Where things are written down.
struct Books {
  base::MainLog& log;
  const base::Clock& clock;
  Tally& tally;
  RetryBook& retries;
  Reports& reports;
  EmergencyJournal* emergency = nullptr;
  // The disk refused a record that is safe elsewhere: nothing more may be begun.
  std::function<void(const base::Error&)> disk_fails{};
  policy::LogSelector shown{};
  std::string queue;  // of a named queue
  bool message_logs = true;
  bool preserve_message_logs = false;
};

// A recipient that failed, and how journals know it.
struct Failed {
  std::string key;
  Reported report;
};

// What the last leg of a message has to do for the legs before it.
struct Carried {
  std::vector<Failed> failures;       // that no bounce told yet
  std::optional<std::string> freeze;  // it is to be frozen, for this reason
  // Who failed, waits for another run, or goes to another host.  That alone gives the
  // last leg nothing to do.
  std::vector<Tried> tried{};

  bool empty() const { return failures.empty() && !freeze; }
  Tried& whom(const std::string& key);  // of tried, where he is from now on
};

// One leg's end.
struct Leave {
  Settlement settlement;
  const Peer* peer = nullptr;        // null: nobody was reached
  std::string greeting, hello;       // of the peer
  bool passes_dsn = false;           // the peer took what RFC 3461 says on
  std::chrono::microseconds took{};  // the transaction
  bool last = true;                  // no other leg of the message is on its way
  std::optional<SiteIndex> next{};   // where those go who are tried elsewhere
};

// Writes it all down.  Blocks.  Says the last line of a message that has ended: it goes
// to Completions with the message.  An error means that a delivery may not be on
// record: no message may be sent any more.
base::Result<std::string> finish(Outgoing& outgoing, const Leave& leave,
                                 Carried& carried, Books& books);

}  // namespace qrunner
