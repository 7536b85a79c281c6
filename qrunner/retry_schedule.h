// SPDX-License-Identifier: Apache-2.0
//
// When is an item that failed tried again, and may it be tried now?  The arithmetic of
// retry rules, to the second (Exim manual, "Retry configuration"; spec/queue-run.md 6.3
// and 6.4).  Pure: who calls brings the record, the rule and the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.h"
#include "hints/retry_record.h"
#include "policy/retry.h"
#include "qrunner/retry_error.h"

namespace qrunner {

using OldRecord = std::optional<hints::RetryRecord>;

struct RetryLimits {
  std::chrono::seconds interval_max = std::chrono::hours(24);     // retry_interval_max
  std::chrono::seconds data_expire = std::chrono::hours(24 * 7);  // retry_data_expire
};

// A number from 0 up to, but not including, `below`, which is above 0.
using Random = std::function<std::uint64_t(std::uint64_t below)>;

// What is known when an item fails.
struct FailedTry {
  RetryItem item = RetryItem::host;
  hints::Failure failure;
  base::Time now;
  base::Time received;     // the message
  bool of_address = true;  // not of one that this address was made from
  const policy::RetryRule* rule = nullptr;  // null: none applies
};

struct NextTry {
  OldRecord record;        // to be remembered; nothing: without a rule there is none
  bool timed_out = false;  // the item has no tries left for this message
};
NextTry next_try(const OldRecord& old, const FailedTry& failed,
                 const RetryLimits& limits, const Random& random);

// What is known when an item is due to be tried.
struct Moment {
  base::Time now;
  base::Time received;  // the message
  bool forced = false;  // -M, f
  bool queue_run = true;
  bool first_time = false;         // the message was never tried
  bool delay_after_cutoff = true;  // the option of the transport
};

enum class Standing : std::uint8_t {
  due,
  last_chance,  // not due, but the message is older than the rule's last cut-off
  wait,
  wait_expired,  // and it has been failing for longer than the rule allows
};
constexpr bool may_try(Standing standing) {
  return standing == Standing::due || standing == Standing::last_chance;
}

// `rule` is the one for the record's failure; null: none applies any more, and the item
// is tried.
Standing standing(RetryItem item, const OldRecord& record, const Moment& moment,
                  const policy::RetryRule* rule, const RetryLimits& limits);

// A record that counts: not untouched for data_expire, not from a time to come (the
// clock was stepped back).
bool counts(const hints::RetryRecord& record, base::Time now,
            const RetryLimits& limits);

}  // namespace qrunner
