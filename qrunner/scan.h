// SPDX-License-Identifier: Apache-2.0
//
// Which messages of a spool are due: directory names, then -H of each, without a lock.
//
// What a scan saw may be old a moment later; the delivery reads -H again under the
// lock, and that is the truth.  So a found message costs its id and a few words.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "qrunner/request.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/queued.h"
#include "spoolfmt/spool.h"

namespace qrunner {

// A message to try.  What it refers to lives as long as the call.
struct Due {
  spoolfmt::MessageId id;
  const spoolfmt::Queued& queued;
};

// What a scan passed over, by reason, and what it found.
struct ScanCounts {
  std::uint64_t seen = 0;
  std::uint64_t due = 0;
  std::uint64_t frozen = 0;
  std::uint64_t bodiless = 0;  // no -D: finished meanwhile, or an orphan
  std::uint64_t damaged = 0;
};

struct ScanEvents {
  // A frozen message whose time has come is due, too.
  std::function<bool(const spoolfmt::Queued&)> thaws;
  std::function<void(const Due&)> due;
  std::function<void(const spoolfmt::MessageId&)> frozen;
  std::function<void(const base::Error&)> trouble;  // a damaged or unreadable file
  std::function<bool()> stop;                       // asked before each message
};

enum class ScanOrder { directory, arrival };

// Blocks until the whole queue, or what the request names, was looked at.  An id that
// is named and not there is a trouble with Code::not_found.
base::Result<ScanCounts> scan(const spoolfmt::Spool& spool, const Request& request,
                              ScanOrder order, const ScanEvents& events);

}  // namespace qrunner
