// SPDX-License-Identifier: Apache-2.0
//
// A message in our hands, on its way to one site: locked, read again under the lock,
// what a crash left behind taken in.
//
// -D is locked first and -H read afterwards, since only then is it the truth; a journal
// left over is merged and -H rewritten before anything is sent (Exim manual, "Format of
// spool files").  A recipient is done if either spelling of its address is known as
// done: the one of the recipient list, or the unique form with its domain in lower
// case, which is all that a journal keeps.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "net/client.h"
#include "qrunner/request.h"
#include "qrunner/route_phase.h"
#include "smtp/exchange.h"
#include "spoolfmt/journal.h"
#include "spoolfmt/locked_message.h"
#include "spoolfmt/spool.h"

namespace qrunner {

class Outgoing {
 public:
  // One address to send to, and how the recipient list spells it.
  struct Target {
    std::string unique;
    std::vector<std::string> spellings;
    unsigned notify = 0;  // of the first spelling, as are those below
    std::string orcpt = {};
  };
  // A recipient that cannot be sent to now, and why.
  struct Held {
    Target target;
    std::string reason;
  };

  // Blocks.  Code::locked: another process is on it.  Code::not_found: it is finished.
  // Code::usage: it is frozen, and nobody forces it.  Code::syntax: damaged.  All else
  // is our disk.
  static base::Result<std::unique_ptr<Outgoing>> open(const spoolfmt::Spool& spool,
                                                      const spoolfmt::MessageId& id,
                                                      bool force_frozen, SiteIndex site,
                                                      const SiteOf& site_of);

  ~Outgoing();  // an attempt that came to nothing leaves no journal
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  const spoolfmt::MessageId& id() const { return message_.id(); }
  const spoolfmt::LockedMessage& message() const { return message_; }
  spoolfmt::HFile& file() { return file_; }
  // Puts the names on record, durably.  If there are targets.
  base::Result<void> record(const std::vector<std::string>& names);

  // In the order of the envelope.
  const std::vector<Target>& targets() const { return targets_; }
  const std::vector<Held>& held() const { return held_; }
  // Recipients of other sites are left.
  bool others_left() const { return others_left_; }
  // It was frozen, and -H must tell that it is not any more.
  bool thawed() const { return thawed_; }
  const smtp::Envelope& envelope() const { return envelope_; }
  bool wire_format() const { return file_.wire_format(); }

  // Header lines and body, from the start.  Reads the file; this object must stay.
  net::Content content() const;

 private:
  explicit Outgoing(spoolfmt::LockedMessage message) : message_(std::move(message)) {}

  base::Result<void> read(bool force_frozen);
  void choose_targets(SiteIndex site, const SiteOf& site_of);
  void hold_the_unsendable();
  base::Result<void> make_envelope();

  spoolfmt::LockedMessage message_;
  spoolfmt::HFile file_;
  std::optional<spoolfmt::Journal> journal_;
  std::vector<Target> targets_;
  std::vector<Held> held_;
  bool recorded_ = false;
  bool others_left_ = false;
  bool thawed_ = false;
  smtp::Envelope envelope_;
  std::string head_;  // the header lines that are sent, and the blank line
};

}  // namespace qrunner
