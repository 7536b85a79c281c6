// SPDX-License-Identifier: Apache-2.0
#include "receiver/committer.h"

#include <map>
#include <utility>

namespace receiver {

namespace {

constexpr unsigned kThreads = 2;

// Does one step for all messages that had no trouble yet.
void for_all(std::vector<Commit*>& batch, auto step) {
  for (Commit* one : batch)
    if (one->result) one->result = step(*one);
}

base::Result<void> prepare(Commit& one) {
  if (!one.message)
    one.message.emplace(
        TRY(spoolfmt::NewMessage::create(one.spool, one.file.id, one.rest)));
  else
    TRY(one.message->write_body(one.rest));
  return one.message->prepare(one.file);
}

}  // namespace

Committer::Committer(base::MainLog& log, const base::Clock& clock)
    : log_(log), clock_(clock) {
  for (unsigned i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
}

Committer::~Committer() {
  {
    std::lock_guard guard(mutex_);
    ending_ = true;
  }
  more_.notify_all();
}

asio::awaitable<void> Committer::commit(Commit& message) {
  auto start = [this, &message](net::Wake wake) {
    message.wake = std::move(wake);
    std::lock_guard guard(mutex_);
    waiting_.push_back(&message);
    more_.notify_one();
  };
  co_await net::suspend(start);
}

Committer::Batch Committer::next_batch() {
  std::unique_lock lock(mutex_);
  more_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
  return std::exchange(waiting_, {});
}

void Committer::work() {
  while (true) {
    Batch batch = next_batch();
    if (batch.empty()) return;
    for_all(batch, prepare);
    make_durable(batch);
    for_all(batch, [this](Commit& one) { return tell_logs(one); });
    for (Commit* one : batch) {
      net::Wake wake = std::move(one->wake);  // *one is gone once its task runs
      wake();
    }
  }
}

void Committer::make_durable(Batch& batch) const {
  for_all(batch, [](Commit& one) -> base::Result<void> {
    one.message->begin_sync();
    return {};
  });
  for_all(batch, [](Commit& one) { return one.message->sync(); });
  for_all(batch, [](Commit& one) { return one.message->publish(); });
  sync_directories(batch);
}

void Committer::sync_directories(Batch& batch) const {
  std::map<std::filesystem::path, base::Result<void>> synced;
  for_all(batch, [&](Commit& one) {
    const auto& directory = one.message->directory();
    auto found = synced.find(directory);
    if (found == synced.end())
      found = synced.emplace(directory, base::sync_directory(directory)).first;
    return found->second;
  });
}

base::Result<void> Committer::tell_logs(Commit& one) const {
  if (!one.lines.message.empty()) one.message->log(one.lines.message, clock_.now());
  return log_.write(one.file.id.text(), one.lines.main);
}

}  // namespace receiver
