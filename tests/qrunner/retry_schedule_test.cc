// SPDX-License-Identifier: Apache-2.0
#include "qrunner/retry_schedule.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <random>

namespace {

using namespace std::chrono_literals;
using hints::RetryRecord;
using qrunner::counts;
using qrunner::FailedTry;
using qrunner::Moment;
using qrunner::OldRecord;
using qrunner::RetryItem;
using qrunner::RetryLimits;
using qrunner::Standing;
using std::chrono::seconds;

using Groups = std::vector<policy::RetryParameter>;

policy::RetryRule rule_of(Groups groups) {
  policy::RetryRule rule;
  rule.parameters = std::move(groups);
  return rule;
}

// F,2h,15m; G,16h,1h,1.5; F,4d,6h: what Exim comes with.
Groups default_groups() {
  return {{'F', 2h, 15min, 1}, {'G', 16h, 1h, 1.5}, {'F', 96h, 6h, 1}};
}

// Some moment that is not a whole second.
const base::Time kStart = base::Time(1'700'000'000s + 700'000us);

std::uint64_t least(std::uint64_t) {
  return 0;
}
std::uint64_t most(std::uint64_t below) {
  return below - 1;
}

// An old record whose times are so far from kStart.
OldRecord record(seconds first, seconds last, seconds next, bool expired = false) {
  RetryRecord made;
  made.failure.error = ECONNREFUSED;
  made.first = kStart + first;
  made.last = kStart + last;
  made.next = kStart + next;
  made.expired = expired;
  made.attempts = 1;
  return made;
}

FailedTry failed(const policy::RetryRule* rule, seconds age,
                 RetryItem item = RetryItem::host, bool of_address = true) {
  return {
      .item = item,
      .failure = {.error = ECONNREFUSED, .enhanced = {}, .text = "Connection refused"},
      .now = kStart,
      .received = kStart - age,
      .of_address = of_address,
      .rule = rule};
}

}  // namespace

TEST(RetrySchedule, Q51_AHostThatFailsForDaysIsTriedWhenEximTriesIt) {
  // Seconds between one try and the next, reckoned by hand: F for two hours, both ends
  // included; an hour, times 1.5 until 16 hours; then every six hours.
  std::vector<long> steps(9, 900);
  for (long step : {3600, 5400, 8100, 12150, 18225, 27337}) steps.push_back(step);
  steps.insert(steps.end(), 20, 21600);
  constexpr std::size_t kExpires = 9 + 6 + 13;  // the first try behind four days

  const auto rule = rule_of(default_groups());
  const base::Time received = kStart - 3s;
  base::Time now = kStart;
  OldRecord old;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    FailedTry failed{.item = RetryItem::host,
                     .failure = {},
                     .now = now,
                     .received = received,
                     .of_address = false,
                     .rule = &rule};
    auto next = next_try(old, failed, {}, least);
    ASSERT_TRUE(next.record);
    EXPECT_EQ((next.record->next - now) / 1s, steps[i]) << "try " << i;
    EXPECT_EQ(next.record->expired, i >= kExpires) << "try " << i;
    EXPECT_EQ(next.timed_out, i >= kExpires) << "try " << i;
    EXPECT_EQ(next.record->first, kStart);
    EXPECT_EQ(next.record->last, now);
    EXPECT_EQ(next.record->attempts, i + 1);
    old = next.record;
    now = old->next;
  }
}

TEST(RetrySchedule, TheNextTryFollowsTheRule) {
  struct Row {
    const char* what;
    Groups groups;
    OldRecord old;
    seconds age;  // of the message
    RetryItem item;
    seconds step;
    bool expired, timed_out;
  };
  const Groups kHour{{'F', 1h, 5min, 1}};
  const Groups kGrow{{'G', 24h, 10min, 1.3}};
  const Groups kTwo{{'F', 1h, 5min, 1}, {'F', 2h, 7min, 1}};
  using enum RetryItem;
  for (const Row& row : {
           Row{"the first failure", kHour, {}, 0s, host, 5min, false, false},
           Row{"at the cut-off", kHour, record(-1h, -5min, 0s), 0s, host, 5min, false,
               false},
           Row{"a second later", kHour, record(-3601s, -5min, 0s), 0s, host, 5min, true,
               true},
           Row{"the second group", kTwo, record(-61min, -5min, 0s), 0s, host, 7min,
               false, false},
           Row{"none left: the last group", kTwo, record(-3h, -5min, 0s), 0s, host,
               7min, true, true},
           Row{"an old message does not age a host", kHour, record(-10min, -5min, 0s),
               59min, host, 5min, false, false},
           Row{"it ages an address", kHour, record(-10min, -5min, 0s), 61min, address,
               5min, true, true},
           Row{"and a domain", kTwo, {}, 90min, domain, 7min, false, false},
           Row{"G: growing from the start", kGrow, {}, 0s, host, 10min, false, false},
           Row{"G: by the wait that was", kGrow, record(-1h, -20min, 0s), 0s, host,
               1560s, false, false},
           Row{"G: not under the start", kGrow, record(-1h, -2min, 0s), 0s, host, 10min,
               false, false},
           Row{"G: a forced try shortens the wait that was", kGrow,
               record(-1h, -11min, 30min), 0s, host, 858s, false, false},
           Row{"G: thousandths are exact",
               {{'G', 24h, 10min, 1.001}},
               record(-1h, -1000s, 0s),
               0s,
               host,
               1001s,
               false,
               false},
           Row{"a record that nobody touched for a week is absent", kHour,
               record(-700h, -169h, -160h, true), 0s, host, 5min, false, false},
           Row{"a record of the future is absent", kHour, record(0s, 2h, 3h), 0s, host,
               5min, false, false},
           Row{"the message waited before the host failed", kHour,
               record(-10min, -5min, 0s), 2h, host, 0s, false, true},
           Row{"it did not: the host failed before", kHour, record(-10min, -5min, 0s),
               9min, host, 5min, false, false},
       }) {
    const auto rule = rule_of(row.groups);
    auto next = next_try(row.old, failed(&rule, row.age, row.item), {}, least);
    ASSERT_TRUE(next.record) << row.what;
    EXPECT_EQ(next.record->next - kStart, row.step) << row.what;
    EXPECT_EQ(next.record->expired, row.expired) << row.what;
    EXPECT_EQ(next.timed_out, row.timed_out) << row.what;
    EXPECT_EQ(next.record->last, kStart) << row.what;
    EXPECT_EQ(next.record->failure.text, "Connection refused") << row.what;
  }
}

TEST(RetrySchedule, AnItemOfAParentDoesNotTimeOutByTheMessage) {
  const auto rule = rule_of({{'F', 1h, 5min, 1}});
  auto next =
      next_try({}, failed(&rule, 2h, RetryItem::host, /*of_address=*/false), {}, least);
  EXPECT_FALSE(next.timed_out);
  EXPECT_EQ(next.record->next - kStart, 5min);
}

TEST(RetrySchedule, Q52_StepsOfHLieInTheUpperHalfOfTheSpan) {
  const auto rule = rule_of({{'H', 24h, 10min, 2}});
  auto step = [&](OldRecord old, const qrunner::Random& random) {
    return next_try(old, failed(&rule, 0s), {}, random).record->next - kStart;
  };
  EXPECT_EQ(step({}, most), 10min);
  // The wait was 20 minutes, grown to 40: the span is 30.
  EXPECT_EQ(step(record(-1h, -20min, 0s), least), 25min);
  EXPECT_EQ(step(record(-1h, -20min, 0s), most), 40min - 1s);
  std::mt19937_64 generator(7);
  auto random = [&](std::uint64_t below) { return generator() % below; };
  for (int i = 0; i < 1000; ++i) {
    auto some = step(record(-1h, -20min, 0s), random);
    EXPECT_GE(some, 10min + 15min);
    EXPECT_LT(some, 10min + 30min);
  }
}

TEST(RetrySchedule, Q53_TheIntervalNeverExceedsItsMost) {
  for (const auto& groups : {Groups{{'F', 400h, 48h, 1}}, Groups{{'G', 400h, 1h, 10}},
                             Groups{{'H', 400h, 1h, 10}}}) {
    const auto rule = rule_of(groups);
    auto old = record(-100h, -20h, 0s);
    auto limits = RetryLimits{.interval_max = 24h};
    EXPECT_EQ(next_try(old, failed(&rule, 0s), limits, most).record->next - kStart,
              24h);
    limits.interval_max = 5min;
    EXPECT_EQ(next_try(old, failed(&rule, 0s), limits, most).record->next - kStart,
              5min);
  }
}

TEST(RetrySchedule, Q54_WithoutARuleTheFirstFailureIsTheLast) {
  auto next = next_try({}, failed(nullptr, 0s), {}, least);
  EXPECT_TRUE(next.timed_out);
  EXPECT_FALSE(next.record);
  // A rule without parameters leaves a record that stops nobody, as Exim's does.
  const auto empty = rule_of({});
  next = next_try({}, failed(&empty, 0s), {}, least);
  EXPECT_TRUE(next.timed_out);
  ASSERT_TRUE(next.record);
  EXPECT_TRUE(next.record->expired);
  EXPECT_EQ(next.record->next, kStart);
}

TEST(RetrySchedule, RandomLivesKeepTheirPromises) {
  std::mt19937_64 random(11);
  auto below = [&](std::uint64_t n) { return random() % n; };
  for (int life = 0; life < 2000; ++life) {
    Groups groups;
    seconds cutoff{};
    for (std::uint64_t n = below(3) + 1; n > 0; --n) {
      cutoff += seconds(below(100'000) + 1);
      groups.push_back({"FGH"[below(3)], cutoff, seconds(below(20'000) + 1),
                        1 + static_cast<double>(below(3000)) / 1000});
    }
    const auto rule = rule_of(groups);
    const RetryLimits limits{.interval_max = seconds(below(100'000) + 1)};
    const auto item = static_cast<RetryItem>(below(5));
    base::Time now = kStart;
    OldRecord old;
    for (int i = 0; i < 30; ++i) {
      auto next = next_try(old,
                           {.item = item,
                            .failure = {},
                            .now = now,
                            .received = now - seconds(below(300'000)),
                            .of_address = below(2) == 0,
                            .rule = &rule},
                           limits, below);
      ASSERT_TRUE(next.record);
      EXPECT_EQ(next.record->last, now);
      EXPECT_GE(next.record->next, now);
      EXPECT_LE(next.record->next - now, limits.interval_max);
      EXPECT_TRUE(next.timed_out || next.record->next > now) << "no busy loop";
      bool known = old && counts(*old, now, limits);
      EXPECT_EQ(next.record->first, known ? old->first : now);
      bool was_expired = known && old->expired;
      EXPECT_TRUE(next.record->expired || !was_expired) << "once is for ever";
      old = next.record;
      // When it is due, or late, or forced before.
      now = below(4) == 0 ? now + seconds(below(1000) + 1)
                          : old->next + seconds(below(5000));
    }
  }
}

TEST(RetrySchedule, WhatMayBeTriedNow) {
  struct Row {
    const char* what;
    RetryItem item;
    OldRecord record;
    Moment moment;
    Standing standing;
  };
  const auto rule = rule_of({{'F', 96h, 1h, 1}});
  const Moment run{.now = kStart, .received = kStart - 1h};
  auto with = [&](auto change) {
    Moment moment = run;
    change(moment);
    return moment;
  };
  const Moment forced = with([](Moment& m) { m.forced = true; });
  const Moment fresh = with([](Moment& m) { m.first_time = true; });
  const Moment at_once = with([](Moment& m) { m.queue_run = false; });
  const Moment old_message = with([](Moment& m) { m.received = kStart - 97h; });
  const Moment no_delay = with([](Moment& m) { m.delay_after_cutoff = false; });
  const Moment later_no_delay = with([](Moment& m) {
    m.delay_after_cutoff = false;
    m.received = kStart - 1min;
  });
  const auto live = record(-2h, -30min, 30min);
  const auto expired = record(-200h, -30min, 30min, true);
  using enum RetryItem;
  using enum Standing;
  for (const Row& row : {
           Row{"no record", host, {}, run, due},
           Row{"its time has come", host, record(-2h, -1h, 0s), run, due},
           Row{"within this second", host, record(-2h, -1h, 0s), run, due},
           Row{"Q56: a host is not due", host, live, run, wait},
           Row{"Q56: a host stops a fresh message", host, live, fresh, wait},
           Row{"Q56: outside a queue run too", host, live, at_once, wait},
           Row{"a message at a host", message, live, fresh, wait},
           Row{"Q56: routing does not", domain, live, fresh, due},
           Row{"Q56: nor an address", address, live, fresh, due},
           Row{"Q56: nor local delivery", local, live, fresh, due},
           Row{"routing stops a later run", domain, live, run, wait},
           Row{"an address too", address, live, run, wait},
           Row{"local delivery too", local, live, run, wait},
           Row{"but only a queue run", domain, live, at_once, due},
           Row{"forced", host, live, forced, due},
           Row{"forced", local, expired, forced, due},
           Row{"an expired domain holds nobody back", domain, expired, run, due},
           Row{"Q58: an expired host does", host, expired, run, wait_expired},
           Row{"an expired address does", address, expired, run, wait_expired},
           Row{"Q57: the last try of an old message", host, live, old_message,
               last_chance},
           Row{"Q57: by an address", address, live, old_message, last_chance},
           Row{"Q57: by an expired address", address, expired, old_message,
               last_chance},
           Row{"Q58: not at an expired host", host, expired, old_message, wait_expired},
           Row{"no delay after the cut-off: tried since it came", host, expired,
               no_delay, wait_expired},
           Row{"no delay after the cut-off: not tried since", host, expired,
               later_no_delay, due},
           Row{"but only when expired", host, live, later_no_delay, wait},
           Row{"Q59: untouched for a week and a second", host,
               record(-200h, -168h - 1s, 1h), run, due},
           Row{"Q59: for a week", host, record(-200h, -168h, 1h), run, wait},
           Row{"the clock was stepped back", host, record(0s, 61min, 3h), run, due},
           Row{"a little", host, record(0s, 59min, 3h), run, wait},
       })
    EXPECT_EQ(standing(row.item, row.record, row.moment, &rule, {}), row.standing)
        << row.what;
}

TEST(RetrySchedule, WithoutARuleNothingWaits) {
  const Moment moment{.now = kStart, .received = kStart};
  const auto live = record(-2h, -30min, 30min);
  const auto empty = rule_of({});
  EXPECT_EQ(standing(RetryItem::host, live, moment, nullptr, {}),
            Standing::last_chance);
  EXPECT_EQ(standing(RetryItem::host, live, moment, &empty, {}), Standing::last_chance);
  EXPECT_TRUE(may_try(Standing::last_chance));
  EXPECT_TRUE(may_try(Standing::due));
  EXPECT_FALSE(may_try(Standing::wait));
  EXPECT_FALSE(may_try(Standing::wait_expired));
}
