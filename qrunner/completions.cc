// SPDX-License-Identifier: Apache-2.0
#include "qrunner/completions.h"

#include <map>
#include <utility>

#include "base/fd.h"

namespace qrunner {

namespace {

// The syncs of a batch go to the disk side by side, so that the file system does them
// in one commit.
constexpr unsigned kSyncHelpers = 7;

}  // namespace

Completions::Completions(net::Pool& pool, net::TaskGroup& tasks, base::MainLog& log,
                         Unsynced unsynced)
    : pool_(pool),
      tasks_(tasks),
      log_(log),
      unsynced_(std::move(unsynced)),
      crew_(kSyncHelpers) {}

asio::awaitable<base::Result<void>> Completions::commit(
    std::unique_ptr<Outgoing> message, Finish finish) {
  base::Result<void> result;
  auto start = [&](net::Wake wake) {
    waiting_.push_back(
        {std::move(message), std::move(finish), &result, std::move(wake)});
    if (!std::exchange(working_, true)) tasks_.spawn(work());
  };
  ++in_hand_;
  co_await net::suspend(start);
  --in_hand_;
  co_return result;
}

asio::awaitable<void> Completions::work() {
  while (!waiting_.empty()) {
    Batch batch = std::exchange(waiting_, {});
    auto job = [&] { make_durable(batch); };
    co_await pool_.run(job);
    for (One& one : batch) one.wake();
    std::erase_if(batch, [](const One& one) { return !one.message; });
    tasks_.spawn(clear(std::move(batch)));
  }
  working_ = false;
}

void Completions::make_durable(Batch& batch) {
  for (One& one : batch) finish(one);
  sync_directories(batch);
  for (One& one : batch)
    if (one.message && !one.line.empty())
      *one.result = log_.write(one.message->id().text(), one.line);
}

void Completions::finish(One& one) {
  auto line = one.finish();
  if (line)
    one.line = *std::move(line);
  else
    *one.result = std::unexpected(line.error());
  if (!one.message->ended()) one.message.reset();
}

void Completions::sync_directories(Batch& batch) {
  std::map<std::string, base::Result<void>> results;
  for (One& one : batch)
    if (one.message) results[one.message->message().directory_name()];
  std::vector<decltype(results)::value_type*> directories;
  for (auto& entry : results) directories.push_back(&entry);
  crew_.share(directories.size(), [&](std::size_t i) {
    directories[i]->second = base::sync_directory(directories[i]->first);
  });
  for (One& one : batch) {
    if (!one.message) continue;
    const auto& synced = results.at(one.message->message().directory_name());
    if (synced) continue;
    *one.result = unsynced_(*one.message, synced.error());
    one.message.reset();
  }
}

asio::awaitable<void> Completions::clear(Batch batch) {
  auto job = [&] {
    for (One& one : batch) one.message->clear();
    batch.clear();
  };
  co_await pool_.run(job);
}

}  // namespace qrunner
