// SPDX-License-Identifier: Apache-2.0
#include "receiver/committer.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

namespace receiver {

namespace {

// One writes and tells while the other waits for the disk.
constexpr unsigned kThreads = 2;
// So many go to the disk though others are still to be written.
constexpr std::size_t kFullRound = 64;
// Enough for a batch of fifty: a sync that begins after the commit flushes the disk
// once more, so those that wait for a helper cost a round.
constexpr unsigned kSyncHelpers = 99;

base::Result<void> write(Commit& one) {
  if (!one.message)
    one.message.emplace(
        TRY(spoolfmt::NewMessage::create(one.spool, one.file.id, one.rest)));
  else
    TRY(one.message->write_body(one.rest));
  TRY(one.message->prepare(one.file));
  one.message->begin_writing();
  return {};
}

// Takes those out who have a trouble.
std::vector<Commit*> troubled(std::vector<Commit*>& batch) {
  auto sound = [](const Commit* one) { return one->result.has_value(); };
  auto first = std::ranges::stable_partition(batch, sound);
  std::vector<Commit*> out(first.begin(), first.end());
  batch.erase(first.begin(), first.end());
  return out;
}

}  // namespace

Committer::Committer(base::MainLog& log, const base::Clock& clock)
    : log_(log), clock_(clock), crew_(kSyncHelpers) {
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
    {
      std::lock_guard guard(mutex_);
      handed_over_.push_back(&message);
    }
    more_.notify_one();
  };
  co_await net::suspend(start);
}

void Committer::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    bool full = written_.size() + synced_.size() >= kFullRound;
    if (full && sync_round(lock)) continue;
    if (tell_one(lock) || write_one(lock) || sync_round(lock)) continue;
    if (ending_ && !in_round_) break;
    more_.wait(lock);
  }
  more_.notify_all();
}

bool Committer::tell_one(std::unique_lock<std::mutex>& lock) {
  if (ended_.empty()) return false;
  Commit& one = *ended_.front();
  ended_.pop_front();
  lock.unlock();
  if (one.result) one.result = tell_logs(one);
  net::Wake wake = std::move(one.wake);  // `one` is gone once its task runs
  wake();
  lock.lock();
  return true;
}

bool Committer::write_one(std::unique_lock<std::mutex>& lock) {
  if (handed_over_.empty()) return false;
  Commit* one = handed_over_.front();
  handed_over_.pop_front();
  lock.unlock();
  one->result = write(*one);
  lock.lock();
  if (one->result)
    written_.push_back(one);
  else
    ended_.push_back(one);
  return true;
}

bool Committer::sync_round(std::unique_lock<std::mutex>& lock) {
  if (in_round_ || (written_.empty() && synced_.empty())) return false;
  in_round_ = true;
  Batch written = std::exchange(written_, {});
  Batch renamed = std::exchange(synced_, {});
  lock.unlock();
  for (Commit* one : renamed) one->result = one->message->publish();
  for (Commit* one : written) one->result = one->message->await_writing();
  sync(written, renamed);
  lock.lock();
  std::ranges::copy(troubled(written), std::back_inserter(ended_));
  std::ranges::copy(renamed, std::back_inserter(ended_));
  synced_ = std::move(written);
  in_round_ = false;
  more_.notify_one();
  return true;
}

// One round: the files of `written` and the directories of `renamed`.
void Committer::sync(Batch& written, Batch& renamed) {
  std::map<std::filesystem::path, base::Result<void>> results;
  for (Commit* one : renamed)
    if (one->result) results[one->message->directory()];
  std::vector<std::function<void()>> calls;
  for (auto& [path, result] : results)
    calls.emplace_back([&] { result = base::sync_directory(path); });
  std::vector<base::Result<void>> headers(written.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    Commit& one = *written[i];
    if (!one.result) continue;
    calls.emplace_back([&one] { one.result = one.message->sync_body(); });
    calls.emplace_back(
        [&one, &headers, i] { headers[i] = one.message->sync_header(); });
  }
  crew_.share(calls.size(), [&](std::size_t i) { calls[i](); });
  for (std::size_t i = 0; i < written.size(); ++i)
    if (written[i]->result) written[i]->result = std::move(headers[i]);
  for (Commit* one : renamed)
    if (one->result) one->result = results.at(one->message->directory());
}

base::Result<void> Committer::tell_logs(Commit& one) const {
  if (!one.lines.message.empty()) one.message->log(one.lines.message, clock_.now());
  return log_.write(one.file.id.text(), one.lines.main);
}

}  // namespace receiver
