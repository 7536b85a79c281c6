// SPDX-License-Identifier: Apache-2.0
//
// What a queue run was asked for, and whether a message is meant (Exim manual, "The
// Exim command line": -q, -R, -S, -M).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/regex.h"
#include "base/result.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/queued.h"

namespace qrunner {

// -R and -S: text found in an address, without regard to case.
struct AddressPattern {
  std::string text;
  bool is_regex = false;
  std::shared_ptr<const base::Regex> regex;  // shared: a request can be copied

  bool matches(std::string_view address) const;
};

struct Request {
  bool two_phases = false;    // q: the scan first, as far as the ramp allows
  bool first_time = false;    // i: only messages never tried
  bool force = false;         // f: retry times do not count
  bool force_frozen = false;  // ff, -M: frozen messages are thawed
  bool local_only = false;    // l: nothing leaves this machine
  std::string queue;          // G
  std::optional<AddressPattern> recipient, sender;  // -R, -S
  std::vector<spoolfmt::MessageId> ids;             // -M, --only: just these
  bool named_only = false;                          // ... even if there are none
  std::string start, stop;                          // ids, inclusive; empty: open
  unsigned shard = 0, shards = 1;  // of so many runs that part the queue, this one
};

// `[q][i][f|ff][l][G<name>]`, what stands behind -q.  Code::usage for other letters or
// another order, and for an interval, with the remedy.
base::Result<void> parse_queue_letters(std::string_view letters, Request& request);

// `[r][f|ff]`, what stands behind -R and -S.
base::Result<AddressPattern> parse_selection(std::string_view flags,
                                             std::string_view text, Request& request);

// "pid=17 -qqi -R example.org", as Exim's start and end lines tell it.
std::string run_detail(const Request& request, long pid);

// Is this name in the asked range?
bool in_range(const Request& request, std::string_view id);

enum class Skip { none, not_asked, frozen };
// Is the message to be tried?  -R looks at recipients that are not done yet, and a
// message that is chosen goes to all of those.
Skip refusal(const Request& request, const spoolfmt::Queued& queued);

}  // namespace qrunner
