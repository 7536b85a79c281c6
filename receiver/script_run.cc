// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_run.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace receiver {

namespace {

using Kind = ScriptVerdict::Kind;

const smtp::Reply kTrouble{451, "4.3.0", "Local trouble, try again later"};
const smtp::Reply kTooLong{451, "4.4.2", "Checking took too long, try again later"};
const smtp::Reply kBusy{451, "4.3.2", "Too busy, try again later"};

constexpr std::string_view kMark = "X-Bobbin-Script: ";

}  // namespace

ScriptOutcome ScriptOutcome::none() {
  ScriptOutcome outcome;
  outcome.end_ = End::pass;
  return outcome;
}

ScriptOutcome ScriptOutcome::unable(const base::Error& error) {
  ScriptOutcome outcome;
  outcome.reply = kTrouble;
  outcome.log.push_back("scripts: " + error.text);
  return outcome;
}

bool ScriptOutcome::may_commit() const {
  if (end_ != End::pass) return false;
  for (std::size_t script = 0; script < required_.size(); ++script)
    if (required_[script] && !passed_[script]) return false;
  return true;
}

ScriptRun::ScriptRun(const ScriptConfig& config, const ScriptMessage& message)
    : config_(config),
      message_(message),
      budget_(config.budget()),
      states_(config.scripts.size(), State::pending),
      verdicts_(config.scripts.size()),
      next_keep_alive_(config.keepalive_every) {
  outcome_.reply = kTrouble;  // in case that a bug ends us early
  outcome_.passed_.resize(config.scripts.size());
  for (const Script& script : config.scripts)
    outcome_.required_.push_back(script.required);
  excuse();
  advance({});
}

ScriptRun::ScriptRun(const ScriptConfig& config, const ScriptMessage& message,
                     ScriptEvent event, const ScriptRun& broken)
    : config_(config),
      message_(message),
      event_(event),
      states_(config.scripts.size(), State::skipped),
      verdicts_(config.scripts.size()),
      previous_(broken.previous_),
      next_keep_alive_(Instant::max()) {
  const ScriptEventList& list =
      event == ScriptEvent::timeout ? config.timeout : config.client_gone;
  budget_ = list.budget;
  outcome_.reply = kTrouble;
  outcome_.passed_.resize(config.scripts.size());
  outcome_.required_.resize(config.scripts.size());
  for (std::size_t script : list.run) states_[script] = State::pending;
  // Breaking off must not be a way around a required script.
  for (std::size_t script = 0; script < states_.size(); ++script)
    if (config.scripts[script].required && broken.states_[script] < State::passed)
      states_[script] = State::pending;
  excuse();
  advance({});
}

// Scripts that need not see this message have passed it.
void ScriptRun::excuse() {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Script& script = config_.scripts[i];
    bool too_large = script.max_size > 0 && message_.size > script.max_size;
    if (states_[i] != State::pending ||
        (!too_large && !message_.unwanted.contains(script.name)))
      continue;
    states_[i] = State::passed;
    outcome_.passed_[i] = true;
    if (too_large) note(i, "not run, the message is larger than max_size");
  }
}

void ScriptRun::advance(Instant now) {
  while (settle_step()) {
    if (over_) return;
    if (step_end_ == states_.size()) return end(ScriptOutcome::End::pass);
    open_step(now);
  }
}

// False while a script of this step is awaited.  In their order, not in that of their
// ends: so the client hears the same whichever was faster.
bool ScriptRun::settle_step() {
  for (std::size_t script = step_; script < step_end_; ++script) {
    State state = states_[script];
    if (state == State::waiting || state == State::running) return false;
    if (state == State::passed) take_answer(script);
    if ((state == State::failed || state == State::erred) &&
        event_ == ScriptEvent::data) {
      refuse_for(script);
      return true;
    }
    step_ = script + 1;
  }
  return true;
}

void ScriptRun::open_step(Instant now) {
  step_ = step_end_;
  const std::string& group = config_.scripts[step_].group;
  do {
    ++step_end_;
  } while (!group.empty() && step_end_ < states_.size() &&
           config_.scripts[step_end_].group == group);
  for (std::size_t script = step_; script < step_end_; ++script)
    if (states_[script] == State::pending) states_[script] = State::waiting;
  waiting_since_ = now;
  if (only_required_) skip_optional();
}

void ScriptRun::take_answer(std::size_t script) {
  ScriptVerdict& verdict = verdicts_[script];
  if (verdict.kind == Kind::stop) only_required_ = true;
  if (event_ != ScriptEvent::data) return;
  if (message_.cutthrough && !verdict.headers_add.empty()) {
    note(script, "headers_add ignored, the message is on its way by cutthrough");
    verdict.headers_add.clear();
  }
  std::ranges::move(verdict.headers_add, std::back_inserter(outcome_.headers_add));
  for (auto& [name, value] : verdict.vars) outcome_.vars[name] = std::move(value);
}

void ScriptRun::refuse_for(std::size_t script) {
  const ScriptVerdict& verdict = verdicts_[script];
  if (outcome_.kept_alive) return fail_late(script);
  if (verdict.keep) keeps_.push_back({script, verdict.keep_tag, false});
  refuse(verdict.reply);
}

// The client has heard 250-.
void ScriptRun::fail_late(std::size_t script) {
  keeps_.push_back({script, verdicts_[script].keep_tag, true});
  if (config_.mark_late_fail) return keep_failed();
  refuse({250, "2.0.0", "OK id=" + message_.id});
}

void ScriptRun::keep_failed() {
  const Keep& keep = keeps_.back();
  const std::string& name = config_.scripts[keep.script].name;
  outcome_.headers_add.push_back(std::string(kMark) + name + " said " +
                                 std::string(verdict_name(verdicts_[keep.script])));
  note(keep.script, "too late to refuse: accepted with a mark");
  keeps_.clear();
  outcome_.reply = kTrouble;
  end(ScriptOutcome::End::pass);
}

void ScriptRun::skip_optional() {
  for (std::size_t script = step_; script < step_end_; ++script)
    if (states_[script] == State::waiting && !config_.scripts[script].required)
      states_[script] = State::skipped;
}

void ScriptRun::refuse(smtp::Reply reply) {
  outcome_.reply = std::move(reply);
  end(ScriptOutcome::End::refused);
}

// Whoever still runs is heard no more.
void ScriptRun::end(ScriptOutcome::End how) {
  for (std::size_t script = 0; script < states_.size(); ++script)
    if (states_[script] == State::running) stops_.push_back(script);
  // An event has nothing to commit.
  outcome_.end_ = event_ == ScriptEvent::data ? how : ScriptOutcome::End::refused;
  over_ = true;
}

std::optional<ScriptRun::Start> ScriptRun::slot_given(Instant now) {
  if (over_) return {};
  auto waiting = std::ranges::find(states_, State::waiting);
  if (waiting == states_.end()) return {};
  *waiting = State::running;
  auto script = static_cast<std::size_t>(waiting - states_.begin());
  std::chrono::milliseconds timeout = config_.scripts[script].timeout;
  return Start{script, std::min(timeout, budget_ - now)};
}

void ScriptRun::finished(std::size_t script, ScriptVerdict verdict,
                         std::chrono::milliseconds took, Instant now) {
  if (over_ || states_[script] != State::running) return;
  previous_.push_back(
      {config_.scripts[script].name, std::string(verdict_name(verdict)), took});
  bool good = verdict.kind == Kind::pass || verdict.kind == Kind::stop;
  std::string text(previous_.back().verdict);
  if (!verdict.why.empty()) text += " (" + verdict.why + ")";
  if (!verdict.log.empty()) text += ": " + verdict.log;
  if (!verdict.errors.empty()) note(script, "stderr: " + verdict.errors);
  if (!good || !verdict.log.empty()) note(script, text);
  if (good) {
    states_[script] = State::passed;
    outcome_.passed_[script] = true;
  } else if (verdict.kind == Kind::fail) {
    states_[script] = State::failed;
    if (event_ != ScriptEvent::data && verdict.keep)
      keeps_.push_back({script, verdict.keep_tag, false});
  } else {
    // After 250- an error of an optional script can no longer put the client off.
    bool pass = config_.scripts[script].pass_on_error || outcome_.kept_alive;
    states_[script] = pass ? State::skipped : State::erred;
  }
  verdicts_[script] = std::move(verdict);
  advance(now);
}

void ScriptRun::client_gone(Instant now) {
  if (over_ || event_ != ScriptEvent::data || outcome_.client_gone) return;
  outcome_.client_gone = true;
  if (!config_.finish_when_gone) {
    follow_up_ = ScriptEvent::client_gone;
    return refuse(kTrouble);
  }
  only_required_ = true;
  for (std::size_t script = step_; script < step_end_; ++script) {
    if (states_[script] != State::running || config_.scripts[script].required) continue;
    stops_.push_back(script);
    states_[script] = State::skipped;
  }
  skip_optional();
  advance(now);
}

void ScriptRun::client_spoke(Instant now) {
  if (over_ || event_ != ScriptEvent::data || outcome_.early_quit) return;
  outcome_.early_quit = true;
  if (!config_.skip_optional_on_quit) return;
  only_required_ = true;
  skip_optional();
  advance(now);
}

void ScriptRun::passed_time(Instant now) {
  if (over_) return;
  if (now >= budget_) {
    outcome_.log.push_back("scripts: out of time (" + std::string(event_name(event_)) +
                           ")");
    // After 250- only optional ones are left, and they have had their chance.
    if (outcome_.kept_alive) return end(ScriptOutcome::End::pass);
    if (event_ == ScriptEvent::data) follow_up_ = ScriptEvent::timeout;
    return refuse(kTooLong);
  }
  if (event_ != ScriptEvent::data || !wants_slot() ||
      now < waiting_since_ + config_.queue_wait)
    return;
  outcome_.log.emplace_back("scripts: no slot within queue_wait");
  if (!outcome_.kept_alive) return refuse(kBusy);
  skip_optional();
  advance(now);
}

bool ScriptRun::wants_slot() const {
  return !over_ && std::ranges::find(states_, State::waiting) != states_.end();
}

std::vector<std::size_t> ScriptRun::take_stops() {
  return std::exchange(stops_, {});
}

bool ScriptRun::required_done() const {
  for (std::size_t script = 0; script < states_.size(); ++script)
    if (outcome_.required_[script] && !outcome_.passed_[script]) return false;
  return true;
}

bool ScriptRun::take_keep_alive(Instant now) {
  if (over_ || !config_.keep_alive || outcome_.client_gone || !required_done() ||
      now < next_keep_alive_)
    return false;
  next_keep_alive_ = now + config_.keepalive_every;
  outcome_.kept_alive = true;
  return true;
}

ScriptRun::Instant ScriptRun::wake_at() const {
  Instant at = budget_;
  if (event_ != ScriptEvent::data) return at;
  if (wants_slot()) at = std::min<Instant>(at, waiting_since_ + config_.queue_wait);
  if (config_.keep_alive && !outcome_.client_gone && required_done())
    at = std::min(at, next_keep_alive_);
  return at;
}

void ScriptRun::note(std::size_t script, const std::string& text) {
  std::string line = "script " + config_.scripts[script].name;
  if (event_ != ScriptEvent::data) line += " (" + std::string(event_name(event_)) + ")";
  outcome_.log.push_back(line + ": " + text);
}

}  // namespace receiver
