// SPDX-License-Identifier: Apache-2.0
#include "receiver/committer.h"

#include <map>
#include <utility>

namespace receiver {

namespace {

// One batch is prepared while another one waits for the disk.
constexpr unsigned kThreads = 2;
// Enough for a batch of fifty: a sync that begins after the commit flushes the disk
// once more, so those that wait for a helper cost a round.
constexpr unsigned kSyncHelpers = 99;

std::vector<Commit*> without_trouble(std::vector<Commit*> batch) {
  std::erase_if(batch, [](const Commit* one) { return !one->result; });
  return batch;
}

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
      waiting_.push_back(&message);
    }
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
    sync_files(batch);
    for_all(batch, [](Commit& one) { return one.message->publish(); });
    sync_directories(batch);
    for_all(batch, [this](Commit& one) { return tell_logs(one); });
    for (Commit* one : batch) {
      net::Wake wake = std::move(one->wake);  // *one is gone once its task runs
      wake();
    }
  }
}

void Committer::sync_files(Batch& batch) {
  for (Commit* one : without_trouble(batch)) one->message->begin_writing();
  for_all(batch, [](Commit& one) { return one.message->await_writing(); });
  Batch sound = without_trouble(batch);
  std::vector<base::Result<void>> bodies(sound.size());
  std::vector<base::Result<void>> headers(sound.size());
  crew_.share(2 * sound.size(), [&](std::size_t i) {
    spoolfmt::NewMessage& message = *sound[i / 2]->message;
    if (i % 2 == 0)
      bodies[i / 2] = message.sync_body();
    else
      headers[i / 2] = message.sync_header();
  });
  for (std::size_t i = 0; i < sound.size(); ++i)
    sound[i]->result = bodies[i] ? std::move(headers[i]) : std::move(bodies[i]);
}

void Committer::sync_directories(Batch& batch) {
  std::map<std::filesystem::path, base::Result<void>> results;
  for (Commit* one : without_trouble(batch)) results[one->message->directory()];
  std::vector<decltype(results)::value_type*> directories;
  for (auto& entry : results) directories.push_back(&entry);
  crew_.share(directories.size(), [&](std::size_t i) {
    directories[i]->second = base::sync_directory(directories[i]->first);
  });
  for_all(batch, [&](Commit& one) { return results.at(one.message->directory()); });
}

base::Result<void> Committer::tell_logs(Commit& one) const {
  if (!one.lines.message.empty()) one.message->log(one.lines.message, clock_.now());
  return log_.write(one.file.id.text(), one.lines.main);
}

}  // namespace receiver
