// SPDX-License-Identifier: Apache-2.0
//
// Days in the life of a queue: bobbin-run does what a real Exim does at the same
// moments of a simulated clock (retry times, delay warnings, bounces, what becomes of
// frozen messages; spec/queue-run.md 6 and 11).
//
// The moments are those at which Exim's own retry database says that something is due,
// and a little before, when nothing may happen.  The clock goes on during a run, so
// that times are compared by the moment, and the spans of retry records to the second.
#include <gtest/gtest.h>

#include <span>

#include "tests/e2e/run_days.h"

namespace {

using run_tests::Days;
using run_tests::Events;
using run_tests::kMargin;
using run_tests::kStart;
using run_tests::TestSpool;
using std::chrono::seconds;
using namespace std::chrono_literals;

constexpr const char* kDefaultRule = "F,2h,15m; G,16h,1h,1.5; F,4d,6h";

struct Group {
  char kind;
  seconds cutoff, interval;
  std::int64_t thousandths = 1000;  // its factor
};
constexpr Group kDefaultGroups[] = {
    {'F', 2h, 15min}, {'G', 16h, 1h, 1500}, {'F', 96h, 6h}};

// When something is tried that fails each time, if every try comes `late` after its
// time, as long as the rule has times: the table of spec 6.3.
std::vector<seconds> tries(std::span<const Group> rule, seconds late) {
  std::vector<seconds> times;
  for (seconds now = 0s, step = 0s;; now += step + late) {
    auto group = std::ranges::find_if(
        rule, [&](const Group& each) { return now <= each.cutoff; });
    if (group == rule.end()) return times;
    times.push_back(now);
    bool grows = group->kind == 'G' && step >= group->interval;
    step = grows ? step * group->thousandths / 1000 : group->interval;
  }
}

// At each moment when something is due, and before it, until `end`; and at `from` and
// `more`, when three runs have to come to the same: what Exim's first try hears of a
// host holds for the rest of its run, and for our next; and then there are reports to
// be sent. The moments when the log had `event`.
std::vector<seconds> live(Days& days, seconds from, seconds end,
                          std::set<seconds> more = {}, const std::string& event = " ") {
  std::vector<seconds> seen;
  more.insert({from, end});
  for (seconds now = from; now < end && !testing::Test::HasFailure();) {
    Events events = days.run(now, more.contains(now) ? 3 : 1);
    auto has = [&](const std::string& line) { return run_tests::has(line, event); };
    if (std::ranges::any_of(events, has)) seen.push_back(now);
    seconds due = days.next_due(now).value_or(end);
    seconds next = due - kMargin > now ? due - kMargin : due + kMargin;
    while (days.is_close(next)) next += kMargin / 4;
    now = std::min(*more.upper_bound(now), next);
  }
  return seen;
}

TEST(RunDaysExim, ADeadHostIsTriedByTheRule) {
  REQUIRE_DAYS();
  Days days("delay_warning = 4h:24h\n", std::string("* * ") + kDefaultRule);
  EXPECT_EQ(days.rule_of("one@dead2.example"), kDefaultRule);
  std::string id = TestSpool::id(1);
  days.put(id, {.recipients = {"one@dead2.example", "two@dead2.example"}});
  auto tried = live(days, 0s, 5 * 24h, {96h - kMargin, 96h + kMargin},
                    id + " H=127.0.0.2 [127.0.0.2] Connection");
  // By the table, too, if each try was as late as ours.
  auto table = tries(kDefaultGroups, kMargin);
  ASSERT_EQ(tried.size(), table.size() + 1);
  for (std::size_t i = 1; i < table.size(); ++i)
    EXPECT_LT(std::chrono::abs(tried[i] - tried[i - 1] - (table[i] - table[i - 1])),
              kMargin)
        << i;
  EXPECT_EQ(tried.back(), 96h + kMargin) << "the last chance, as it becomes too old";
}

// A recipient who waits for his own time has NOTIFY=FAILURE: of him Exim warns at any
// run, and we do when he is tried.
constexpr const char* kNoWarning = "  0,8  0,-1#3";

TEST(RunDaysExim, FourDaysOfAllKindsOfFailures) {
  REQUIRE_DAYS();
  Days days("delay_warning = 4h:24h\n", std::string("* * ") + kDefaultRule);
  auto put_off = std::string("code-450@x.example") + kNoWarning;
  days.put(TestSpool::id(1), {.recipients = {"one@dead2.example"}});
  days.put(TestSpool::id(2),
           {.recipients = {"ok@x.example", put_off, "code-550@x.example"}});
  days.put(TestSpool::id(3), {.recipients = {"code-451@x.example"}, .sender = ""});
  days.put(TestSpool::id(4), {.recipients = {"dot-451@x.example", "ok@x.example"}});
  days.put(TestSpool::id(5), {.recipients = {"list@dead3.example"},
                              .headers = {"List-Id: <list.example>"}});
  // Each alone: Exim's warnings, and some of its bounces, name those too who did not
  // want to be named.
  days.put(TestSpool::id(6), {.recipients = {"never@dead4.example  0,2  0,-1#3"}});
  days.put(TestSpool::id(9), {.recipients = {"failure@dead5.example  0,8  0,-1#3"}});
  days.put(TestSpool::id(10), {.recipients = {"delay@dead6.example  0,16  0,-1#3"}});
  // Two senders, two records.
  days.put(TestSpool::id(8), {.recipients = {put_off}, .sender = "t@x.example"});
  live(days, 0s, 24h);
  // Fresh mail for a host that has been failing for a day.
  days.put(TestSpool::id(7), {.recipients = {"one@dead2.example"}}, 24h);
  live(days, 24h, 98h, {96h - kMargin, 96h + kMargin});
}

TEST(RunDaysExim, ManyRules) {
  REQUIRE_DAYS();
  Days days("retry_interval_max = 2h\n",
            "*@dead2.example     *         G,6h,20m,1.337\n"
            "127.0.0.3           refused_A F,30m,9m; F,2h,40m\n"
            "*@dead3.example     *         F,1d,1d\n"
            "*@dead4.example     *\n"
            "*@dead5.example     refused_MX F,1h,10m\n"
            "*@dead6.example     *         G,30d,1h,10\n"
            "code-451@x.example  rcpt_45x  F,1h,21m\n"
            "code-450@x.example  rcpt_451  F,1h,1m\n"
            "code-450@x.example  rcpt_4xx senders=t@x.example F,1h,1m\n"
            "code-450@x.example  rcpt_450  F,2h,39m\n"
            "*@x.example         data_4xx  G,3h,15m,2\n");
  unsigned number = 0;
  for (const char* to :
       {"a@dead2.example", "a@dead3.example", "a@dead4.example", "a@dead5.example",
        "a@dead6.example", "code-451@x.example", "code-450@x.example",
        "dot-452@x.example", "data-450@x.example"})
    days.put(TestSpool::id(++number), {.recipients = {to}});
  live(days, 0s, 8h);
}

// retry_include_ip_address, plain and asked of the host.
TEST(RunDaysExim, WhatIsRememberedOfAHostWithoutItsAddress) {
  REQUIRE_DAYS();
  for (const char* lines :
       {"no_retry_include_ip_address",
        "retry_include_ip_address = ${if match_ip{$host_address}{127.0.0.2} {yes}{no}}",
        "retry_include_ip_address = ${if eq{$host}{localhost} {NO}fail}"}) {
    SCOPED_TRACE(lines);
    Days days("", "* * F,2h,15m; G,16h,1h,1.5", std::string("  ") + lines + "\n");
    days.put(TestSpool::id(1), {.recipients = {"one@dead2.example"}});
    days.put(TestSpool::id(2), {.recipients = {"one@deadname.example"}});
    days.put(TestSpool::id(3), {.recipients = {"one@dead3.example"}});
    days.put(TestSpool::id(4), {.recipients = {"dot-451@x.example", "ok@x.example"}});
    days.put(TestSpool::id(5), {.recipients = {"code-450@x.example"}});
    live(days, 0s, 40min);
    // Fresh mail meets the record of the host.  Alone: which of two messages asks first
    // for a name that both wait for is not said.
    days.remove(TestSpool::id(2));
    days.put(TestSpool::id(6), {.recipients = {"two@deadname.example"}}, 40min);
    live(days, 40min, 90min);
  }
}

TEST(RunDaysExim, FrozenMessages) {
  REQUIRE_DAYS();
  struct Row {
    const char* options;
    std::vector<seconds> moments;  // each a little before and behind
  };
  for (const Row& row :
       {Row{"", {24h * 7 * 10}}, Row{"ignore_bounce_errors_after = 0s\n", {1h}},
        Row{"ignore_bounce_errors_after = 2d\nauto_thaw = 6h\n", {6h, 48h}},
        Row{"timeout_frozen_after = 3d\n", {72h}},
        Row{"timeout_frozen_after = 3d\nignore_bounce_errors_after = 2d\n",
            {48h, 72h}}}) {
    SCOPED_TRACE(row.options);
    Days days(row.options, std::string("* * ") + kDefaultRule);
    std::string frozen = "-frozen " + std::to_string(kStart) + "\n";
    auto put_off = std::string("code-450@x.example") + kNoWarning;
    days.put(TestSpool::id(1), {.recipients = {"code-550@x.example"}, .sender = ""});
    days.put(TestSpool::id(2), {.recipients = {put_off}, .options = frozen});
    days.put(TestSpool::id(3), {.recipients = {"ok@x.example"}, .options = frozen});
    days.run(0s);
    for (seconds moment : row.moments) {
      days.run(moment - kMargin, 3);
      days.run(moment + kMargin, 3);
    }
  }
}

}  // namespace
