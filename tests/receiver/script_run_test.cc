// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace {

using receiver::Script;
using receiver::ScriptConfig;
using receiver::ScriptEvent;
using receiver::ScriptMessage;
using receiver::ScriptRun;
using receiver::ScriptVerdict;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = ScriptVerdict::Kind;

ScriptVerdict verdict(Kind kind, bool keep = false) {
  ScriptVerdict made;
  made.kind = kind;
  made.keep = keep;
  if (kind == Kind::fail) made.reply = {554, "5.7.1", "no"};
  if (kind == Kind::error) made.reply = {451, "4.3.0", "trouble"};
  return made;
}

// Scripts a, b, c ...; `required` names some of them.
ScriptConfig list(std::size_t count, const std::string& required = {}) {
  ScriptConfig config;
  for (std::size_t i = 0; i < count; ++i) {
    Script script;
    script.name = std::string(1, static_cast<char>('a' + i));
    script.order = static_cast<unsigned>(i + 1);
    script.required = required.find(script.name) != std::string::npos;
    config.scripts.push_back(script);
  }
  return config;
}

// Gives slots as long as they are wanted; the scripts that start.
std::vector<std::size_t> start(ScriptRun& run, milliseconds now = {}) {
  std::vector<std::size_t> started;
  while (run.wants_slot()) started.push_back(run.slot_given(now)->script);
  return started;
}

void finish(ScriptRun& run, std::size_t script, const ScriptVerdict& how,
            milliseconds now = {}) {
  run.finished(script, how, milliseconds(1), now);
}

ScriptMessage message_of(std::uint64_t size) {
  ScriptMessage message;
  message.id = "id";
  message.size = size;
  return message;
}
const ScriptMessage kMessage = message_of(1000);

TEST(ScriptRun, DS1_OneAfterTheOtherInTheirOrder) {
  ScriptConfig config = list(3);
  ScriptRun run(config, kMessage);
  for (std::size_t script : {0U, 1U, 2U}) {
    EXPECT_FALSE(run.outcome().may_commit());
    EXPECT_THAT(start(run), ElementsAre(script));
    finish(run, script, verdict(Kind::pass));
  }
  EXPECT_TRUE(run.over());
  EXPECT_TRUE(run.outcome().may_commit());
  EXPECT_EQ(run.previous().size(), 3U);
}

TEST(ScriptRun, DS1_FirstFailStopsTheRest) {
  ScriptConfig config = list(3);
  ScriptRun run(config, kMessage);
  start(run);
  finish(run, 0, verdict(Kind::pass));
  start(run);
  finish(run, 1, verdict(Kind::fail, true));
  EXPECT_TRUE(run.over());
  EXPECT_FALSE(run.wants_slot());
  EXPECT_FALSE(run.outcome().may_commit());
  EXPECT_EQ(run.outcome().reply.code, 554);
  ASSERT_EQ(run.keeps().size(), 1U);
  EXPECT_EQ(run.keeps()[0].script, 1U);
  EXPECT_EQ(run.follow_up(), ScriptEvent::data);
}

TEST(ScriptRun, NothingToRunIsLeaveToCommit) {
  ScriptConfig none;
  EXPECT_TRUE(ScriptRun(none, kMessage).outcome().may_commit());
  EXPECT_TRUE(receiver::ScriptOutcome::none().may_commit());
  EXPECT_FALSE(receiver::ScriptOutcome::unable({base::Code::disk, "x"}).may_commit());
  EXPECT_FALSE(receiver::ScriptOutcome().may_commit());
}

TEST(ScriptRun, ErrorIsTemporaryUnlessItMayPass) {
  ScriptConfig config = list(2);
  config.scripts[0].pass_on_error = true;
  ScriptRun run(config, kMessage);
  start(run);
  finish(run, 0, verdict(Kind::error));
  EXPECT_THAT(start(run), ElementsAre(1U));
  finish(run, 1, verdict(Kind::error));
  EXPECT_EQ(run.outcome().reply.code, 451);
  EXPECT_FALSE(run.outcome().may_commit());
}

TEST(ScriptRun, LargeOrUnwantedMessagesPass) {
  ScriptConfig config = list(3, "ab");
  config.scripts[0].max_size = 999;
  ScriptMessage message = message_of(1000);
  message.unwanted = {"b"};
  ScriptRun run(config, message);
  EXPECT_THAT(start(run), ElementsAre(2U));
  finish(run, 2, verdict(Kind::pass));
  EXPECT_TRUE(run.outcome().may_commit());
  EXPECT_THAT(run.outcome().log, ElementsAre(HasSubstr("script a: not run")));
}

TEST(ScriptRun, StopPassesOverOptionalOnes) {
  ScriptConfig config = list(4, "c");
  ScriptRun run(config, kMessage);
  start(run);
  finish(run, 0, verdict(Kind::stop));
  EXPECT_THAT(start(run), ElementsAre(2U));
  finish(run, 2, verdict(Kind::pass));
  EXPECT_TRUE(run.over());
  EXPECT_TRUE(run.outcome().may_commit());
}

TEST(ScriptRun, GroupRunsTogetherAndIsJudgedInOrder) {
  ScriptConfig config = list(4);
  for (std::size_t i : {1U, 2U}) {
    config.scripts[i].group = "g";
    config.scripts[i].readonly = true;
  }
  ScriptRun run(config, kMessage);
  EXPECT_THAT(start(run), ElementsAre(0U));
  finish(run, 0, verdict(Kind::pass));
  EXPECT_THAT(start(run), ElementsAre(1U, 2U));
  ScriptVerdict second = verdict(Kind::fail);
  second.reply.text = "second";
  finish(run, 2, second);
  EXPECT_FALSE(run.over());
  ScriptVerdict first = verdict(Kind::fail);
  first.reply.text = "first";
  finish(run, 1, first);
  EXPECT_TRUE(run.over());
  EXPECT_EQ(run.outcome().reply.text, "first");
}

TEST(ScriptRun, FailInAGroupStopsItsNeighbours) {
  ScriptConfig config = list(2);
  for (Script& script : config.scripts) {
    script.group = "g";
    script.readonly = true;
  }
  ScriptRun run(config, kMessage);
  start(run);
  finish(run, 0, verdict(Kind::fail));
  EXPECT_TRUE(run.over());
  EXPECT_THAT(run.take_stops(), ElementsAre(1U));
}

TEST(ScriptRun, DS5_OutOfTimeIs451AndRunsWhatIsRequired) {
  ScriptConfig config = list(3, "bc");
  ScriptRun run(config, kMessage);
  auto first = run.slot_given({});
  EXPECT_EQ(first->deadline, milliseconds(config.scripts[0].timeout));
  EXPECT_EQ(run.wake_at(), config.budget());
  finish(run, 0, verdict(Kind::pass));
  auto late = config.budget() - milliseconds(5);
  auto second = run.slot_given(late);
  EXPECT_EQ(second->deadline, milliseconds(5));
  run.passed_time(config.budget());
  EXPECT_TRUE(run.over());
  EXPECT_THAT(run.take_stops(), ElementsAre(1U));
  EXPECT_EQ(smtp::format_reply(run.outcome().reply).substr(0, 9), "451 4.4.2");
  EXPECT_EQ(run.follow_up(), ScriptEvent::timeout);
  ScriptRun event(config, kMessage, run.follow_up(), run);
  EXPECT_THAT(start(event), ElementsAre(1U));
  finish(event, 1, verdict(Kind::fail, true));
  EXPECT_THAT(start(event), ElementsAre(2U));
  finish(event, 2, verdict(Kind::pass));
  EXPECT_TRUE(event.over());
  EXPECT_EQ(event.keeps().size(), 1U);
  EXPECT_FALSE(event.outcome().may_commit());
}

TEST(ScriptRun, DS6_GoneClientIsDiscardedAndItsEventRuns) {
  ScriptConfig config = list(3, "c");
  config.client_gone.run = {0};
  ScriptRun run(config, kMessage);
  start(run);
  finish(run, 0, verdict(Kind::pass));
  start(run);
  run.client_gone(milliseconds(100));
  EXPECT_TRUE(run.over());
  EXPECT_TRUE(run.outcome().client_gone);
  EXPECT_FALSE(run.outcome().may_commit());
  EXPECT_THAT(run.take_stops(), ElementsAre(1U));
  EXPECT_EQ(run.follow_up(), ScriptEvent::client_gone);
  ScriptRun event(config, kMessage, run.follow_up(), run);
  EXPECT_EQ(event.event(), ScriptEvent::client_gone);
  EXPECT_THAT(start(event), ElementsAre(0U));
  finish(event, 0, verdict(Kind::pass));
  EXPECT_THAT(start(event), ElementsAre(2U));
}

TEST(ScriptRun, DS6_FinishCommitsWhenAllRequiredPassed) {
  for (bool passes : {true, false}) {
    ScriptConfig config = list(4, "bd");
    config.finish_when_gone = true;
    ScriptRun run(config, kMessage);
    start(run);
    run.client_gone(milliseconds(100));
    EXPECT_THAT(run.take_stops(), ElementsAre(0U));
    EXPECT_THAT(start(run), ElementsAre(1U));
    finish(run, 1, verdict(Kind::pass));
    EXPECT_THAT(start(run), ElementsAre(3U));
    finish(run, 3, verdict(passes ? Kind::pass : Kind::fail));
    EXPECT_TRUE(run.over());
    EXPECT_EQ(run.outcome().may_commit(), passes);
    EXPECT_TRUE(run.outcome().client_gone);
    EXPECT_EQ(run.follow_up(), ScriptEvent::data);
  }
}

TEST(ScriptRun, DS9_EarlyQuitNeverChangesAVerdict) {
  for (bool skip : {false, true}) {
    ScriptConfig config = list(3, "c");
    config.skip_optional_on_quit = skip;
    ScriptRun run(config, kMessage);
    start(run);
    EXPECT_FALSE(run.early_quit());
    run.client_spoke(milliseconds(2000));
    EXPECT_TRUE(run.early_quit());
    EXPECT_THAT(run.take_stops(), IsEmpty());
    finish(run, 0, verdict(Kind::pass));
    if (!skip) {
      EXPECT_THAT(start(run), ElementsAre(1U));
      finish(run, 1, verdict(Kind::pass));
    }
    EXPECT_THAT(start(run), ElementsAre(2U));
    finish(run, 2, verdict(Kind::fail));
    EXPECT_FALSE(run.outcome().may_commit());
    EXPECT_EQ(run.outcome().reply.code, 554);
  }
}

TEST(ScriptRun, DS13_NoSlotInTimeIs451) {
  ScriptConfig config = list(1, "a");
  ScriptRun run(config, kMessage);
  EXPECT_EQ(run.wake_at(), config.queue_wait);
  run.passed_time(config.queue_wait - milliseconds(1));
  EXPECT_FALSE(run.over());
  run.passed_time(config.queue_wait);
  EXPECT_TRUE(run.over());
  EXPECT_EQ(smtp::format_reply(run.outcome().reply).substr(0, 9), "451 4.3.2");
  EXPECT_FALSE(run.outcome().may_commit());
}

TEST(ScriptRun, DS15_KeepAliveOnlyAfterTheLastRequiredPass) {
  ScriptConfig config = list(2, "a");
  config.keep_alive = true;
  ScriptRun run(config, kMessage);
  start(run);
  EXPECT_FALSE(run.take_keep_alive(milliseconds(30'000)));
  finish(run, 0, verdict(Kind::pass), milliseconds(31'000));
  start(run, milliseconds(31'000));
  EXPECT_TRUE(run.take_keep_alive(milliseconds(31'000)));
  EXPECT_FALSE(run.take_keep_alive(milliseconds(50'999)));
  EXPECT_EQ(run.wake_at(), milliseconds(51'000));
  EXPECT_TRUE(run.take_keep_alive(milliseconds(51'000)));
  EXPECT_TRUE(run.outcome().kept_alive);
}

ScriptRun kept_alive(const ScriptConfig& config) {
  ScriptRun run(config, kMessage);
  start(run);
  finish(run, 0, verdict(Kind::pass), milliseconds(30'000));
  start(run, milliseconds(30'000));
  run.take_keep_alive(milliseconds(30'000));
  return run;
}

TEST(ScriptRun, DS15_LateFailKeepsTheCode) {
  ScriptConfig config = list(2, "a");
  config.keep_alive = true;
  ScriptRun quarantined = kept_alive(config);
  finish(quarantined, 1, verdict(Kind::fail));
  EXPECT_FALSE(quarantined.outcome().may_commit());
  EXPECT_EQ(quarantined.outcome().reply.code, 250);
  ASSERT_EQ(quarantined.keeps().size(), 1U);
  EXPECT_TRUE(quarantined.keeps()[0].must);
  quarantined.keep_failed();
  EXPECT_TRUE(quarantined.outcome().may_commit());

  config.mark_late_fail = true;
  ScriptRun marked = kept_alive(config);
  finish(marked, 1, verdict(Kind::fail));
  EXPECT_TRUE(marked.outcome().may_commit());
  EXPECT_THAT(marked.outcome().headers_add,
              ElementsAre("X-Bobbin-Script: b said FAIL"));
  EXPECT_THAT(marked.keeps(), IsEmpty());

  ScriptRun failed = kept_alive(config);
  finish(failed, 1, verdict(Kind::error));
  EXPECT_TRUE(failed.outcome().may_commit());
  ScriptRun late = kept_alive(config);
  late.passed_time(config.budget());
  EXPECT_TRUE(late.outcome().may_commit());
}

TEST(ScriptRun, DS17_HeadersAreAddedInOrderUnlessByCutthrough) {
  ScriptConfig config = list(2);
  for (bool cutthrough : {false, true}) {
    ScriptMessage message = message_of(1);
    message.cutthrough = cutthrough;
    ScriptRun run(config, message);
    for (std::size_t script : {0U, 1U}) {
      start(run);
      ScriptVerdict pass = verdict(Kind::pass);
      pass.headers_add = {"X-" + config.scripts[script].name + ": 1"};
      pass.vars = {{"acl_m_last", config.scripts[script].name}};
      finish(run, script, pass);
    }
    EXPECT_EQ(run.outcome().vars.at("acl_m_last"), "b");
    if (cutthrough) {
      EXPECT_THAT(run.outcome().headers_add, IsEmpty());
      EXPECT_EQ(run.outcome().log.size(), 2U);
    } else {
      EXPECT_THAT(run.outcome().headers_add, ElementsAre("X-a: 1", "X-b: 1"));
    }
  }
}

// The client or our patience breaks off at random points; what must never happen is
// looked for in what the run let happen, not in what it believes.
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    config_ = list(pick(1, 7));
    for (Script& script : config_.scripts) {
      script.required = pick(0, 2) == 0;
      script.pass_on_error = !script.required && pick(0, 1) == 0;
      script.may_stop = pick(0, 3) == 0;
      if (pick(0, 2) == 0) {
        script.group = "g";
        script.readonly = true;
      }
    }
    // One that is required refuses everything.
    std::size_t wall = pick(0, config_.scripts.size() - 1);
    config_.scripts[wall].required = true;
    config_.scripts[wall].pass_on_error = false;
    wall_ = wall;
    config_.finish_when_gone = pick(0, 1) == 0;
    config_.skip_optional_on_quit = pick(0, 1) == 0;
    config_.keep_alive = pick(0, 1) == 0;
    config_.mark_late_fail = pick(0, 1) == 0;
  }

  void run(bool wall_stands) {
    ScriptRun one(config_, kMessage);
    go(one, wall_stands, true);
    if (wall_stands) {
      EXPECT_FALSE(one.outcome().may_commit());
    }
    if (one.outcome().may_commit())
      for (std::size_t i = 0; i < config_.scripts.size(); ++i) {
        EXPECT_TRUE(!config_.scripts[i].required || passed_[i]);
      }
    EXPECT_NE(one.outcome().reply.code, 0);
    if (one.follow_up() == ScriptEvent::data) return;
    // Breaking off is no way around a required script.
    std::map<std::size_t, bool> before = finished_;
    ScriptRun event(config_, kMessage, one.follow_up(), one);
    go(event, wall_stands, false);
    EXPECT_FALSE(event.outcome().may_commit());
    bool in_time = !event.outcome().reply.text.starts_with("Checking took too long");
    for (std::size_t i = 0; in_time && i < config_.scripts.size(); ++i) {
      EXPECT_TRUE(!config_.scripts[i].required || before[i] || started_[i]);
    }
  }

 private:
  std::size_t pick(std::size_t from, std::size_t to) {
    return std::uniform_int_distribution<std::size_t>(from, to)(random_);
  }

  ScriptVerdict any(std::size_t script, bool wall_stands) {
    if (script == wall_ && wall_stands)
      return verdict(pick(0, 3) == 0 ? Kind::error : Kind::fail, pick(0, 1) == 0);
    switch (pick(0, 9)) {
      case 0:
        return verdict(Kind::error);
      case 1:
        return verdict(Kind::fail, true);
      case 2:
        return verdict(config_.scripts[script].may_stop ? Kind::stop : Kind::pass);
      default:
        return verdict(Kind::pass);
    }
  }

  void go(ScriptRun& run, bool wall_stands, bool client) {
    milliseconds now{};
    std::vector<std::size_t> running;
    started_.clear();
    for (int step = 0; !run.over(); ++step) {
      ASSERT_LT(step, 10'000);
      now += milliseconds(pick(0, 2000));
      switch (pick(0, 11)) {
        case 0:
          if (client) run.client_gone(now);
          break;
        case 1:
          if (client) run.client_spoke(now);
          break;
        case 2:
          now += milliseconds(pick(0, 30'000));
          break;
        case 3:
          (void)run.take_keep_alive(now);
          break;
        case 4:
        case 5:
        case 6:
          if (auto begun = run.slot_given(now)) {
            running.push_back(begun->script);
            started_[begun->script] = true;
          }
          break;
        default:
          if (running.empty()) break;
          std::size_t at = pick(0, running.size() - 1);
          std::size_t script = running[at];
          running.erase(running.begin() + static_cast<std::ptrdiff_t>(at));
          ScriptVerdict how = any(script, wall_stands);
          finished_[script] = true;
          if (how.kind == Kind::pass || how.kind == Kind::stop) passed_[script] = true;
          finish(run, script, how, now);
          break;
      }
      run.passed_time(now);
      for (std::size_t stopped : run.take_stops())
        EXPECT_EQ(std::erase(running, stopped), 1U);
    }
    EXPECT_THAT(running, IsEmpty());
  }

  std::mt19937 random_;
  ScriptConfig config_;
  std::size_t wall_ = 0;
  std::map<std::size_t, bool> passed_, finished_, started_;
};

TEST(ScriptRun, DS7_DS8_NoWayAroundARequiredScript) {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    World(seed).run(true);
    World(seed).run(false);
    if (HasFailure()) return;
  }
}

}  // namespace
