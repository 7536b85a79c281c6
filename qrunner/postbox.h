// SPDX-License-Identifier: Apache-2.0
//
// Puts our own messages, reports, into the spool, as durably as any other message.
//
// The order is that of spoolfmt/new_message.h; what is written is what Exim writes for
// a bounce of its own: no sender, -localerror, P=local, and the id of the message it is
// about in R= (Exim manual, "Log files").  When post() returns the report is on the
// disk, and only then may its recipients be marked as done: a crash between the two
// sends it twice, never not at all.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "policy/log_selector.h"
#include "qrunner/dsn.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/spool.h"

namespace qrunner {

// The body of a message, to be read from its -D.
struct ReturnedBody {
  int d_fd = -1;
  bool wire_format = false;
};

// ReportedMessage::of, with what a report must know of the body.  That is read only if
// its size lets it be returned.
base::Result<ReportedMessage> reported_message(const spoolfmt::HFile& file,
                                               const ReturnedBody& body,
                                               const DsnSettings& settings);

// Safe from any thread.
class Postbox {
 public:
  struct Owner {
    std::string login;  // who we run as: U= and -ident
    std::int64_t uid = 0, gid = 0;
    std::string auth_sender = {};  // bounce_sender_authentication; empty: none
  };
  static Owner current_owner();

  // All references must outlive it.
  Postbox(const spoolfmt::Spool& spool, spoolfmt::MessageIdSource& ids,
          base::MainLog& log, const base::Clock& clock, std::string hostname,
          const policy::LogSelector& shown, bool message_logs,
          Owner owner = current_owner());

  // Writes the report on message `about`; `body` is that message's.  Blocks.  Its id,
  // when it is durable and logged.
  base::Result<spoolfmt::MessageId> post(const Report& report,
                                         const spoolfmt::MessageId& about,
                                         const ReturnedBody& body) const;

 private:
  class Letter;

  const spoolfmt::Spool& spool_;
  spoolfmt::MessageIdSource& ids_;
  base::MainLog& log_;
  const base::Clock& clock_;
  std::string hostname_;
  const policy::LogSelector& shown_;
  bool message_logs_;
  Owner owner_;
};

// For a MIME boundary that nobody can foresee.
std::string random_boundary();

}  // namespace qrunner
