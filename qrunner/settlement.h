// SPDX-License-Identifier: Apache-2.0
//
// What became of each recipient, and what has to be written down about it.
//
// First the decision, from the replies alone; then its lines for the logs, in Exim's
// words, so that exigrep and eximstats read them; last the disk work, in the order
// that makes a crash harmless: journal and its sync, log, then either -D, -H and later
// -J go, or -H is rewritten and -J goes.
//
// There are no bounces yet, so a refusal for good is a deferral too: a recipient given
// up without a word to the sender would be lost mail.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "net/endpoint.h"
#include "qrunner/journal_sweep.h"
#include "qrunner/outgoing.h"
#include "qrunner/route_phase.h"
#include "smtp/exchange.h"

namespace qrunner {

// A reason to try later, as in "defer (-44): ...".
struct Trouble {
  int number = -1;          // an errno, or one of Exim's negative numbers
  std::string system_text;  // of an errno
  std::string text;         // may be empty
};

struct Settlement {
  struct Deferral {
    std::size_t recipient = 0;  // in the envelope
    Trouble trouble;
  };

  std::vector<std::size_t> delivered;  // in the envelope
  std::vector<Deferral> deferred;
  std::string confirmation;      // the reply that delivered, for C=
  bool connection_lost = false;  // or 421: the host's fault, not the message's
  bool unknown_outcome = false;  // no answer to the dot: they may have it
};

// What stands in H=, and whether the connection carried a message before.
struct Peer {
  std::string name, address;
  bool continued = false;
  bool pipelined = false;
};

Settlement settle(const smtp::Envelope& envelope, const smtp::Outcome& outcome);
// Everybody waits: there is no connection.
Settlement defer_all(std::size_t recipients, const Trouble& trouble);
// Everybody waits: the server could not take it, and would say so.
Settlement unsendable(std::size_t recipients, const smtp::Reply& obstacle);

// A connection that broke, or never was.
Trouble connection_trouble(const smtp::Breakdown& lost);

std::string host_text(const Peer& peer);  // "H=mx.example [192.0.2.1]*"
// Behind the mark: "a@b R=smarthost T=remote_smtp H=... C=\"...\"".
std::string delivery_text(std::string_view address, const Site& site, const Peer& peer,
                          std::string_view confirmation);
std::string deferral_text(std::string_view address, const Site& site, const Peer* peer,
                          const Trouble& trouble);
// "H=mx.example [192.0.2.1] Connection refused"
std::string host_line(const Peer& peer, const Trouble& trouble);

// How a run counts; one object for all its threads.
struct Tally {
  std::atomic<std::uint64_t> completed{0};  // messages
  std::atomic<std::uint64_t> remaining{0};  // messages tried and kept
  std::atomic<std::uint64_t> delivered{0};  // recipients
  std::atomic<std::uint64_t> deferred{0};
  std::atomic<std::uint64_t> locked{0};  // messages
  std::atomic<std::uint64_t> damaged{0};
  std::atomic<std::uint64_t> unknown{0};  // messages without an answer to their dot
  std::atomic<std::uint64_t> connections{0};
};

// Where things are written down.
struct Books {
  base::MainLog& log;
  const base::Clock& clock;
  JournalSweep& sweep;
  Tally& tally;
  bool message_logs = true;
  bool preserve_message_logs = false;
};

// Writes it all down and lets go of the message.  Blocks.  `peer` is null if there was
// no connection.  An error means that a delivery may not be on record: no message may
// be sent any more.
base::Result<void> finish(Outgoing& outgoing, const Settlement& settlement,
                          const Site& site, const Peer* peer, Books& books);

}  // namespace qrunner
