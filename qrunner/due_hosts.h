// SPDX-License-Identifier: Apache-2.0
//
// Which hosts of a site may a message be tried at now?  Those that no retry record
// holds back, neither the host's own nor that of the message there (Exim manual, "Retry
// configuration"; spec/queue-run.md 6.4, 7.1).
#pragma once

#include <string_view>
#include <vector>

#include "qrunner/hosts.h"
#include "qrunner/retry_book.h"
#include "qrunner/sites.h"
#include "spoolfmt/message_id.h"

namespace qrunner {

// A message that looks for a host.  Borrows.
struct Seeker {
  spoolfmt::MessageId id;
  std::string_view address;  // of a recipient, or what rules are matched with instead
  Waiting waiting;
};

// What a host said of this message before; what it said of others does not count, so
// this is for whoever has a connection to it.
Standing own_standing_at(const Candidate& host, const Site& site, const Seeker& message,
                         const RetryBook& retries);

struct DueHosts {
  std::vector<Candidate> hosts;  // in the order in which they are tried
  bool hopeless = false;  // none: all have been failing for longer than rules allow
};

DueHosts due_hosts(std::vector<Candidate> hosts, const Site& site,
                   const Seeker& message, const RetryBook& retries);

}  // namespace qrunner
