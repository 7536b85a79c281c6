// SPDX-License-Identifier: Apache-2.0
#include "qrunner/awaited_names.h"

#include <utility>

namespace qrunner {

void AwaitedNames::park(const spoolfmt::MessageId& id,
                        const std::vector<Names::Question>& wanted) {
  if (silent_) return give_up();
  for (const Names::Question& question : wanted) {
    auto [parked, fresh] = parked_.try_emplace(question);
    if (fresh) lookups_.spawn(learn(question));
  }
  // One that waits for several waits for the first, and then for the next.
  parked_[wanted.front()].push_back(id);
}

asio::awaitable<void> AwaitedNames::learn(Names::Question question) {
  bool unanswered = co_await names_.learn(question);
  Ids ids = std::move(parked_[question]);
  parked_.erase(question);
  if (!unanswered) answered_ = true;
  ids.insert(ids.end(), suspects_.begin(), suspects_.end());
  suspects_.clear();
  if (answered_) {
    co_await events_.route(std::move(ids));
    co_return;
  }
  suspects_ = std::move(ids);
  if (!silent_ && !names_.dead()) co_return;
  given_up_ += std::exchange(suspects_, {}).size();
  if (!std::exchange(silent_, true)) events_.silent();
}

AwaitedNames::Ids AwaitedNames::judge() {
  if (!suspects_.empty()) answered_ = true;
  return std::exchange(suspects_, {});
}

}  // namespace qrunner
