// SPDX-License-Identifier: Apache-2.0
//
// Judges one queue of a spool: its names (census.h) and bytes (soundness.h) against
// what the disk says now.
//
// A queue is never still.  So whatever looks wrong is looked at again before it is
// said, a message that somebody holds the lock of is left out of everything that a
// working process may cause, and so is what is younger than a minute.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/failures.h"
#include "base/result.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/spool.h"
#include "utils/soundness.h"

namespace utils {

struct Finding {
  spoolfmt::MessageId id;  // empty if none is known
  std::string file;        // its place below the spool's directory
  Judgement judgement;
  // The repair, which says what it did; none if nothing can be done without loss.  Only
  // to be called while the finding is reported.
  std::function<base::Result<std::string>()> fix = {};
};

struct Counts {
  std::size_t messages = 0;  // with a -H
  std::size_t unsound = 0;   // of these
  std::size_t files = 0;     // others in the way
};

struct Scope {
  std::set<spoolfmt::MessageId> wanted;  // empty: everything
  bool line_counts = false;              // complain of a wrong -body_linecount
  base::Time now;
};

// Gives each message, sound ones too, and each file in the way to `report`, whose error
// ends the check.  What is found is added to `counts` and `seen`, what cannot be read
// to `failures`.
base::Result<void> check_queue(
    const spoolfmt::Spool& spool, const Scope& scope,
    const std::function<base::Result<void>(const Finding&)>& report, Counts& counts,
    std::set<spoolfmt::MessageId>& seen, base::Failures& failures);

}  // namespace utils
