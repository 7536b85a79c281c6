// SPDX-License-Identifier: Apache-2.0
#include "qrunner/names.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace qrunner {

namespace {

// A record that says "do not keep me" is still good for the messages of a moment.
constexpr std::chrono::seconds kLeast{60}, kMost{3600};
constexpr unsigned kSilence = 20;

std::chrono::seconds lifetime(const Names::Answer& answer) {
  return answer ? std::clamp(answer->ttl, kLeast, kMost) : kLeast;
}

}  // namespace

std::optional<Names::Answer> Names::find(const Question& question) const {
  std::shared_lock lock(mutex_);
  auto known = known_.find(question);
  if (known == known_.end() || Clock::now() > known->second.until) return std::nullopt;
  return known->second.answer;
}

std::optional<Names::Answer> Names::recall(const Question& question) const {
  std::shared_lock lock(mutex_);
  auto known = known_.find(question);
  if (known == known_.end()) return std::nullopt;
  return known->second.answer;
}

asio::awaitable<bool> Names::learn(Question question) {
  Answer answer = co_await resolver_.resolve(question.type, question.name);
  co_return keep(question, std::move(answer));
}

void Names::learn_now(const Question& question) {
  keep(question, resolver_.ask(question.type, question.name));
}

bool Names::keep(const Question& question, Answer answer) {
  bool unanswered = !answer && answer.error().code == base::Code::temporary;
  std::unique_lock lock(mutex_);
  unanswered_ = unanswered ? unanswered_ + 1 : 0;
  auto until = Clock::now() + lifetime(answer);
  known_.insert_or_assign(question, Known{std::move(answer), until});
  return unanswered;
}

bool Names::dead() const {
  std::shared_lock lock(mutex_);
  return unanswered_ >= kSilence;
}

}  // namespace qrunner
