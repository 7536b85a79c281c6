// SPDX-License-Identifier: Apache-2.0
//
// What became of each recipient, decided from what a server said (Exim manual, "Errors
// in outgoing SMTP"; spec/queue-run.md 7).
//
// Pure.  Three classes of trouble: a host's concerns all who go there, a message's this
// message there, a recipient's that one alone; retry records are kept accordingly.
// 421 is the host's whatever it answered.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hints/retry_record.h"
#include "qrunner/log_lines.h"
#include "qrunner/retry_schedule.h"
#include "smtp/breakdown.h"
#include "smtp/exchange.h"

namespace qrunner {

struct Verdict {
  enum class Kind : std::uint8_t {
    delivered,
    failed,
    deferred,
    untried,    // it goes again at once, in another transaction
    elsewhere,  // put off by this host, and tried at the next at once
  };
  Kind kind = Kind::deferred;
  Trouble trouble{};                    // of what failed or is deferred
  RetryItem item = RetryItem::address;  // what has to be waited for
  hints::Failure failure{};             // for its record
  std::optional<smtp::Reply> reply{};   // of the server
  std::string status{};                 // our own RFC 3463 code; "": the reply's
  std::string confirmation{};           // the reply that delivered
};

struct Settlement {
  std::vector<Verdict> verdicts;  // in the order of the envelope
  bool connection_lost = false;   // or 421
  bool unknown_outcome = false;   // no answer to the dot: they may have it
};

// `by_mx`: how the host was found.
Settlement settle(const smtp::Envelope& envelope, const smtp::Outcome& outcome,
                  bool by_mx);
// Would another host's answer count?  Those who were put off by this one are to be
// tried elsewhere then.  False: nobody is.
bool put_off_here(const Settlement& settlement);
void send_elsewhere(Settlement& settlement);
// The server cannot take it, and nothing was sent.
Settlement refuse_all(std::size_t recipients, const smtp::Reply& why);
// Everybody waits: no connection came about.
Settlement defer_all(std::size_t recipients, const smtp::Breakdown& why, bool by_mx);
// Everybody waits for something of our own, which no other host would change: `why`.
Settlement put_off_all(std::size_t recipients, const std::string& why);
// Nobody gets it, and we know that without asking a server; `status`: RFC 3463.
Settlement fail_all(std::size_t recipients, const std::string& why,
                    const std::string& status);
// All hosts of `domain` have failed for longer than the rules allow.
Settlement give_up_all(std::size_t recipients, const std::string& domain);

// What the log says, and the record keeps, of a conversation that ended early.
Trouble trouble_of(const smtp::Breakdown& breakdown);
hints::Failure failure_of(const smtp::Breakdown& breakdown, bool by_mx);

}  // namespace qrunner
