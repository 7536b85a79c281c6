// SPDX-License-Identifier: Apache-2.0
//
// A message in our hands, on its way to one site: locked, read again under the lock,
// what a crash left behind taken in, routed as it stands now.
//
// -D is locked first and -H read afterwards, since only then is it the truth; a journal
// left over is merged and -H rewritten before anything is sent (Exim manual, "Format of
// spool files").  A recipient is done if either spelling of its address is known as
// done: the one of the recipient list, or the unique form with its domain in lower
// case, which is all that a journal keeps.  One that was redirected is done when all
// that it was redirected to is.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "net/client.h"
#include "qrunner/message_events.h"
#include "qrunner/request.h"
#include "qrunner/route_phase.h"
#include "qrunner/sent_headers.h"
#include "smtp/exchange.h"
#include "spoolfmt/journal.h"
#include "spoolfmt/locked_message.h"
#include "spoolfmt/spool.h"

namespace qrunner {

// Whom a run tried already, and where he is tried next.
struct Tried {
  std::string key;                // as journals know him
  std::optional<SiteIndex> next;  // nothing: nowhere in this run
  // His own trouble at a host that is not the last: it counts, whatever the others say.
  std::optional<hints::Failure> own{};
};

class Outgoing {
 public:
  // How a message is opened; the same for all of a run.
  struct Terms {
    const spoolfmt::Spool& spool;
    const Request& request;
    RoutePhase& routes;
    EventSettings events;
  };

  // Whom this run tried already is where he is tried next, if anywhere.
  // Blocks.  Code::locked: another process is on it.  Code::not_found: it is finished.
  // Code::usage: it is frozen, and stays so.  Code::syntax: damaged.
  // All else is our disk.
  static base::Result<std::unique_ptr<Outgoing>> open(const Terms& terms,
                                                      const spoolfmt::MessageId& id,
                                                      SiteIndex site,
                                                      std::span<const Tried> tried);

  ~Outgoing();  // an attempt that came to nothing leaves no journal
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  const spoolfmt::MessageId& id() const { return message_.id(); }
  const spoolfmt::LockedMessage& message() const { return message_; }
  const spoolfmt::HFile& file() const { return file_; }
  spoolfmt::HFile& file() { return file_; }
  const Site& site() const { return *site_; }

  // Whom this transaction is for, in the order of the envelope.  For the desk: whoever
  // needs no transaction.
  const std::vector<Destination*>& targets() const { return targets_; }
  // Why they all have to wait, whatever a server would say; empty: they need not.
  const std::string& obstacle() const { return obstacle_; }
  // Why nobody there can have the message as it is; empty: they can.
  const std::string& unfit() const { return unfit_; }
  // A name has to be looked up before it is known where it goes: route it again.
  bool unrouted() const { return !plan_.wanted.empty(); }
  // Recipients for another transaction with this site are left.
  bool more_here() const { return more_here_; }
  // It was frozen; what the log says of its thawing.  Cancelled: it was frozen for too
  // long, and everybody fails.
  std::string_view thawed() const { return thawed_; }
  bool cancelled() const { return cancelled_; }

  const smtp::Envelope& envelope() const { return envelope_; }
  bool wire_format() const { return file_.wire_format(); }
  const spoolfmt::Recipient& recipient(const Destination& destination) const {
    return file_.recipients[destination.recipient];
  }

  // As the policy sees it; borrows from file().
  spoolfmt::Queued queued() const;

  // Header lines and body, from the start.  Reads the file; this object must stay.
  net::Content content() const;

  // Puts the names into the journal: no kill loses that.
  base::Result<void> note(const std::vector<std::string>& names);
  // The same, and no power cut loses it.
  base::Result<void> record(const std::vector<std::string>& names);
  // Destinations with these keys are over: what -H then says of them, and of recipients
  // all of whose destinations are.
  void finish(const std::vector<std::string>& keys);
  // Those that a `one_time` router redirected to become recipients of their own, and
  // who was redirected is over (Exim manual, "The redirect router").  True: -H has to
  // say so.
  bool remember_children();
  // Whom it still has to go to, at this site or another.
  bool somebody_left() const;
  bool one_left() const;
  // Nobody: it goes, but for its journal, though we still have it.  That lasts from
  // when the directory is synced.
  base::Result<void> end(bool preserve_log);
  bool ended() const { return ended_; }
  // The journal goes, then; one that stays is debris, never harm.
  void clear();

 private:
  explicit Outgoing(spoolfmt::LockedMessage message) : message_(std::move(message)) {}

  base::Result<void> read(const Terms& terms);
  base::Result<void> choose_targets(const Terms& terms, SiteIndex site,
                                    std::span<const Tried> tried);
  bool joins(const Destination& destination, std::size_t most, bool one_domain);
  bool has_too_long_lines() const;
  base::Result<void> make_envelope(const Terms& terms);
  // What the transport of a remote site says of sender and header lines.  False: it
  // cannot be expanded, see obstacle().
  bool see_transport(const Terms& terms, HeaderChanges& changes);

  spoolfmt::LockedMessage message_;
  spoolfmt::HFile file_;
  std::string d_start_;  // the first line of -D, and the body if it is not large
  std::optional<spoolfmt::Journal> journal_;
  Plan plan_;
  const Site* site_ = nullptr;
  std::vector<Destination*> targets_;  // in plan_
  bool recorded_ = false;
  bool ended_ = false;
  bool more_here_ = false;
  bool cancelled_ = false;
  std::string obstacle_, unfit_;
  std::string thawed_;
  smtp::Envelope envelope_;
  std::string head_;  // the header lines that are sent, and the blank line
};

}  // namespace qrunner
