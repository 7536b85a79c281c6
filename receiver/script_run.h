// SPDX-License-Identifier: Apache-2.0
//
// One message's way through the DATA-stage scripts: which runs next, for how long, and
// what their verdicts come to (spec/smtp-features.md 13.4).
//
// Pure: events go in with their time, decisions come out.  Time is counted from the end
// of data.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "receiver/script_config.h"
#include "receiver/script_message.h"
#include "receiver/script_verdict.h"
#include "smtp/reply.h"

namespace receiver {

// What the scripts came to.
class ScriptOutcome {
 public:
  // There are no scripts: nothing stands in the way.
  static ScriptOutcome none();
  // The scripts could not be asked.
  static ScriptOutcome unable(const base::Error& error);

  // The only leave to commit: every required script has passed this very message, and
  // nothing else speaks against it.
  bool may_commit() const;
  // What the client hears of a message that must not be committed, unless it is gone.
  // 250 if it was put into quarantine after the client was told 250-.
  smtp::Reply reply;
  bool client_gone = false;  // nobody listens any more
  bool early_quit = false;   // QUIT, or anything, while scripts ran
  // Lines "250-" were sent: no other code can follow, so where a commit fails the
  // connection must be closed without a word.
  bool kept_alive = false;

  std::vector<std::string> headers_add;  // to stand after our Received, no line ends
  AclVariables vars;
  std::vector<std::string> log;  // lines for the main log, under the message's id

 private:
  friend class ScriptRun;
  enum class End { unknown, pass, refused };
  End end_ = End::unknown;
  std::vector<bool> required_, passed_;
};

class ScriptRun {
 public:
  using Instant = std::chrono::milliseconds;

  // `config` and `message` must outlive the run.
  ScriptRun(const ScriptConfig& config, const ScriptMessage& message);
  // The pass for an event after `broken` ended; its verdicts change nothing.
  ScriptRun(const ScriptConfig& config, const ScriptMessage& message, ScriptEvent event,
            const ScriptRun& broken);

  struct Start {
    std::size_t script = 0;
    std::chrono::milliseconds deadline{};  // when its verdict is too late
  };

  // What happened.
  std::optional<Start> slot_given(Instant now);  // nothing: give it back
  void finished(std::size_t script, ScriptVerdict verdict,
                std::chrono::milliseconds took, Instant now);
  void client_gone(Instant now);
  void client_spoke(Instant now);
  void passed_time(Instant now);

  // What is to be done.
  bool over() const { return over_; }
  bool wants_slot() const;
  std::vector<std::size_t> take_stops();  // of running scripts, which are heard no more
  bool take_keep_alive(Instant now);      // say one line "250-"
  Instant wake_at() const;                // for passed_time() at the latest

  ScriptEvent event() const { return event_; }
  bool early_quit() const { return outcome_.early_quit; }
  const std::vector<PreviousScript>& previous() const { return previous_; }
  struct Keep {
    std::size_t script;
    std::string tag;
    bool must;  // the client was told 250: if it cannot be kept, deliver it
  };
  const std::vector<Keep>& keeps() const { return keeps_; }
  // The copy that must be kept could not be: the message goes on with a mark.
  void keep_failed();

  // When it is over.
  const ScriptOutcome& outcome() const { return outcome_; }
  // What must still run, and why; data: nothing.
  ScriptEvent follow_up() const { return follow_up_; }

 private:
  enum class State : std::uint8_t {
    pending,
    waiting,  // for a slot
    running,
    passed,   // or need not run: too large, not wanted
    skipped,  // optional, and not run or not heard for a reason
    failed,
    erred,
  };

  void excuse();
  void advance(Instant now);
  bool settle_step();
  void open_step(Instant now);
  void take_answer(std::size_t script);
  void refuse_for(std::size_t script);
  void fail_late(std::size_t script);
  void skip_optional();
  void end(ScriptOutcome::End how);
  void refuse(smtp::Reply reply);
  bool required_done() const;
  void note(std::size_t script, const std::string& text);

  const ScriptConfig& config_;
  const ScriptMessage& message_;
  ScriptEvent event_ = ScriptEvent::data;
  ScriptEvent follow_up_ = ScriptEvent::data;
  std::chrono::milliseconds budget_;
  std::vector<State> states_;
  std::vector<ScriptVerdict> verdicts_;
  std::size_t step_ = 0, step_end_ = 0;  // scripts [step_, step_end_) are at work
  std::vector<std::size_t> stops_;
  std::vector<Keep> keeps_;
  std::vector<PreviousScript> previous_;
  Instant waiting_since_{}, next_keep_alive_;
  bool only_required_ = false;
  bool over_ = false;
  ScriptOutcome outcome_;
};

}  // namespace receiver
