// SPDX-License-Identifier: Apache-2.0
#include "qrunner/retry_schedule.h"

#include <algorithm>
#include <cmath>

namespace qrunner {

namespace {

using std::chrono::seconds;

constexpr std::chrono::hours kFarAhead{1};

// Rules know whole seconds, and so do both ends of a span.
seconds between(base::Time from, base::Time to) {
  return std::chrono::floor<seconds>(to) - std::chrono::floor<seconds>(from);
}

bool is_about_host(RetryItem item) {
  return item == RetryItem::host || item == RetryItem::message;
}

// How long to wait by one group of a rule; `gap` is the wait that was, 0 for the first
// failure.  The random part of H is drawn from the upper half of its span.
seconds step_of(const policy::RetryParameter& group, seconds gap,
                const Random& random) {
  if (group.kind == 'F') return group.interval;
  const auto thousandths = std::llround(group.factor * 1000);
  const seconds grown = gap * thousandths / 1000;
  if (group.kind == 'G') return gap < group.interval ? group.interval : grown;
  if (grown <= group.interval) return group.interval;
  const auto span = static_cast<std::uint64_t>((grown - group.interval).count());
  return group.interval + seconds(span / 2 + random(span) / 2);
}

// The wait that an old record imposed, or what was left of it when somebody forced a
// try.
seconds gap_of(const OldRecord& old, base::Time now) {
  if (!old) return seconds(0);
  return std::min(between(old->last, old->next), between(old->last, now));
}

}  // namespace

bool counts(const hints::RetryRecord& record, base::Time now,
            const RetryLimits& limits) {
  if (record.last > now + kFarAhead || record.first > now + kFarAhead) return false;
  return between(record.last, now) <= limits.data_expire;
}

NextTry next_try(const OldRecord& old, const FailedTry& failed,
                 const RetryLimits& limits, const Random& random) {
  if (!failed.rule) return {.record = std::nullopt, .timed_out = true};
  OldRecord before;
  if (old && counts(*old, failed.now, limits)) before = old;

  hints::RetryRecord record;
  record.failure = failed.failure;
  record.first = before ? before->first : failed.now;
  record.last = record.next = failed.now;
  record.expired = before && before->expired;
  record.attempts = before ? before->attempts + 1 : 1;
  const auto& groups = failed.rule->parameters;
  if (groups.empty()) {
    record.expired = true;
    return {.record = std::move(record), .timed_out = true};
  }

  const seconds age = between(failed.received, failed.now);
  seconds failing = between(record.first, failed.now);
  if (!is_about_host(failed.item)) failing = std::max(failing, age);
  auto group = std::ranges::find_if(
      groups, [&](const auto& each) { return failing <= each.cutoff; });
  bool timed_out = group == groups.end();
  if (timed_out) {
    record.expired = true;
    --group;
  } else if (failed.of_address && !record.expired && failed.received <= record.first &&
             age > groups.back().cutoff) {
    // The record is young, but the message has waited for as long as any may.
    return {.record = std::move(record), .timed_out = true};
  }
  seconds step = std::min(step_of(*group, gap_of(before, failed.now), random),
                          limits.interval_max);
  record.next = failed.now + step;
  return {.record = std::move(record), .timed_out = timed_out};
}

Standing standing(RetryItem item, const OldRecord& record, const Moment& moment,
                  const policy::RetryRule* rule, const RetryLimits& limits) {
  if (!record || moment.forced || !counts(*record, moment.now, limits))
    return Standing::due;
  if (between(record->next, moment.now) >= seconds(0)) return Standing::due;
  if (!is_about_host(item) && (!moment.queue_run || moment.first_time))
    return Standing::due;
  if (item == RetryItem::domain && record->expired) return Standing::due;
  if (item == RetryItem::host && record->expired && !moment.delay_after_cutoff &&
      record->last < moment.received)
    return Standing::due;
  // Not at a host that failed for all that time: who waits for it fails at once.
  if (is_about_host(item) && record->expired) return Standing::wait_expired;
  if (!rule || rule->parameters.empty() ||
      between(moment.received, moment.now) > rule->parameters.back().cutoff)
    return Standing::last_chance;
  return record->expired ? Standing::wait_expired : Standing::wait;
}

}  // namespace qrunner
