// SPDX-License-Identifier: Apache-2.0
//
// The table of spec/queue-run.md, section 6.5, and statements 4, 89 and 92.
#include "qrunner/message_events.h"

#include <gtest/gtest.h>

namespace {

using namespace qrunner;
using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::seconds;
using std::chrono::weeks;

TEST(MessageEvents, Q4_WhatAFrozenMessageMeets) {
  struct Row {
    const char* what;
    seconds age;
    std::optional<seconds> frozen;
    bool bounce, forced;
    seconds timeout, auto_thaw;
    Thaw decision;
    const char* log;
  };
  for (const Row& row : {
           Row{"not frozen", days(90), {}, false, false, 1s, 1s, Thaw::not_frozen, ""},
           Row{"frozen", 1h, 30min, false, false, 0s, 0s, Thaw::skip,
               "Message is frozen"},
           Row{"forced", 1h, 30min, false, true, 0s, 0s, Thaw::thaw,
               "Unfrozen by forced delivery"},
           Row{"thawed by time", 1h, 31min, false, false, 0s, 30min, Thaw::thaw,
               "Unfrozen by auto-thaw"},
           Row{"not yet", 1h, 30min, false, false, 0s, 30min, Thaw::skip,
               "Message is frozen"},
           Row{"never a bounce", 1h, 31min, true, false, 0s, 30min, Thaw::skip,
               "Message is frozen"},
           Row{"an old bounce", weeks(10), 1h, true, false, 0s, 0s, Thaw::thaw,
               "Unfrozen by errmsg timer"},
           Row{"an old message", weeks(10), 1h, false, false, 0s, 0s, Thaw::skip,
               "Message is frozen"},
           Row{"cancelled by its age", 4h, 1s, false, false, 4h, 1h, Thaw::cancel,
               "cancelled by timeout_frozen_after"},
           Row{"a bounce too", weeks(11), 1s, true, false, 4h, 0s, Thaw::cancel,
               "cancelled by timeout_frozen_after"},
           Row{"even if forced", 4h, 1s, false, true, 4h, 0s, Thaw::cancel,
               "cancelled by timeout_frozen_after"},
       }) {
    EventSettings settings;
    settings.timeout_frozen_after = row.timeout;
    settings.auto_thaw = row.auto_thaw;
    auto decision =
        decide_thaw({row.age, row.frozen, row.bounce}, row.forced, settings);
    EXPECT_EQ(decision.what, row.decision) << row.what;
    EXPECT_EQ(decision.log, row.log) << row.what;
  }
}

TEST(MessageEvents, Q89_WhatAFailureLeadsTo) {
  namespace dsn = spoolfmt::dsn;
  struct Row {
    const char* what;
    seconds age, ignore_after;
    const char* errors_address;
    unsigned notify;
    bool cancelled;
    Failure decision;
    const char* log;
  };
  constexpr auto kUnwanted =
      "error ignored: RFC 3461 DSN, failure notify not requested";
  for (const Row& row : {
           Row{"told", 1h, weeks(10), "s@x", 0, false, Failure::report, ""},
           Row{"asked", 1h, weeks(10), "s@x", dsn::kFailure, false, Failure::report,
               ""},
           Row{"NEVER", 1h, weeks(10), "s@x", dsn::kNever, false, Failure::ignore,
               kUnwanted},
           Row{"SUCCESS", 1h, weeks(10), "s@x", dsn::kSuccess, false, Failure::ignore,
               kUnwanted},
           Row{"cancelled", 1h, weeks(10), "s@x", 0, true, Failure::report, ""},
           Row{"bounce", 1h, weeks(10), "", 0, false, Failure::freeze,
               " (delivery error message)"},
           Row{"old bounce", weeks(10), weeks(10), "", 0, false, Failure::ignore,
               "error ignored"},
           Row{"at once", 0s, 0s, "", 0, false, Failure::ignore, "error ignored"},
           Row{"cancelled bounce", 1h, weeks(10), "", 0, true, Failure::ignore,
               "error ignored"},
       }) {
    EventSettings settings;
    settings.ignore_bounce_errors_after = row.ignore_after;
    bool bounce = *row.errors_address == '\0';
    auto decision = decide_failure({row.age, {}, bounce}, row.errors_address,
                                   row.notify, row.cancelled, settings);
    EXPECT_EQ(decision.what, row.decision) << row.what;
    EXPECT_EQ(decision.log, row.log) << row.what;
  }
}

TEST(MessageEvents, Q92_AWarningAtEachStepAndTheLastRepeats) {
  struct Row {
    std::vector<seconds> steps;
    seconds age;
    std::int64_t sent, count;  // 0: none is due
    seconds told{};
  };
  const std::vector<seconds> two{4h, 8h};
  for (const Row& row : {
           Row{{24h}, 23h, 0, 0},
           Row{{24h}, 24h, 0, 1, 24h},
           Row{{24h}, 47h, 1, 0},
           Row{{24h}, 48h, 1, 2, 48h},
           Row{{24h}, 100h, 1, 4, 96h},  // one for all that were missed
           Row{two, 4h, 0, 1, 4h},
           Row{two, 7h, 1, 0},
           Row{two, 8h, 1, 2, 8h},
           Row{two, 12h, 2, 3, 12h},
           Row{two, 16h, 3, 4, 16h},
           Row{two, 15h, 3, 0},
           Row{{4h, 8h, 24h}, 39h, 3, 0},
           Row{{4h, 8h, 24h}, 40h, 3, 4, 40h},
           Row{{0s}, 1000h, 0, 0},
           Row{{}, 1000h, 0, 0},
           Row{{4h, 4h}, 1000h, 0, 2, 4h},
           Row{{4h}, -1h, 0, 0},
       }) {
    auto due = due_warning(row.age, row.sent, row.steps);
    ASSERT_EQ(due.has_value(), row.count > 0) << row.age.count();
    if (!due) continue;
    EXPECT_EQ(due->count, row.count) << row.age.count();
    EXPECT_EQ(due->age, row.told) << row.age.count();
  }
}

TEST(MessageEvents, Q92_NoWarningForListsAndMachines) {
  struct Row {
    const char* header;
    bool warned;
  };
  for (const Row& row :
       {Row{"Subject: hello\n", true}, Row{"List-ID: <l.example>\n", false},
        Row{"list-post:\n <mailto:l@l.example>\n", false},
        Row{"List-Subscribe: NO\n", false}, Row{"List-Help: x\n", true},
        Row{"Precedence: Bulk\n", false}, Row{"Precedence: list\n", false},
        Row{"Precedence:junk\n", false}, Row{"Precedence: first-class\n", true},
        Row{"Auto-Submitted: auto-replied; x=y\n", false},
        Row{"Auto-Submitted: auto-generated (x)\n", false},
        Row{"Auto-Submitted: no\n", true}}) {
    spoolfmt::HFile file;
    file.headers.push_back({' ', row.header});
    EXPECT_EQ(may_be_warned(file), row.warned) << row.header;
    file.headers[0].type = '*';
    EXPECT_TRUE(may_be_warned(file)) << "removed " << row.header;
  }
}

TEST(MessageEvents, AgesComeFromTheFile) {
  spoolfmt::HFile file;
  file.received = 1000;
  base::Time now{seconds(5000)};
  auto age = MessageAge::of(file, now);
  EXPECT_EQ(age.age, 4000s);
  EXPECT_FALSE(age.frozen_for);
  EXPECT_TRUE(age.bounce);
  file.sender = "s@x";
  file.set_value("frozen", "4990");
  age = MessageAge::of(file, now);
  EXPECT_EQ(age.frozen_for, 10s);
  EXPECT_FALSE(age.bounce);
}

}  // namespace
