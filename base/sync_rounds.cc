// SPDX-License-Identifier: Apache-2.0
#include "base/sync_rounds.h"

#include <iterator>
#include <map>
#include <utility>

#include "base/fd.h"

namespace base {

namespace {

// One works while the other waits for the disk.
constexpr unsigned kThreads = 2;
// So many have a round though others are still to be called.
constexpr std::size_t kFullRound = 64;

}  // namespace

SyncRounds::SyncRounds(unsigned calls) : crew_(calls - 1) {
  for (unsigned i = 0; i < kThreads; ++i) threads_.emplace_back([this] { run(); });
}

SyncRounds::~SyncRounds() {
  {
    std::lock_guard guard(mutex_);
    ending_ = true;
  }
  more_.notify_all();
}

void SyncRounds::start(std::unique_ptr<Work> work) {
  {
    std::lock_guard guard(mutex_);
    moving_.push_back({std::move(work)});
  }
  more_.notify_one();
}

void SyncRounds::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    bool can_go_round = !in_round_ && !wishing_.empty();
    if (can_go_round && (moving_.empty() || wishing_.size() >= kFullRound))
      go_round(lock);
    else if (!moving_.empty())
      move_one(lock);
    else if (ending_ && !in_round_)
      break;
    else
      more_.wait(lock);
  }
  more_.notify_all();
}

void SyncRounds::move_one(std::unique_lock<std::mutex>& lock) {
  Rider rider = std::move(moving_.front());
  moving_.pop_front();
  lock.unlock();
  rider.wishes = {};
  rider.work->go_on(std::move(rider.result), rider.wishes);
  bool over = rider.wishes.none();
  if (over) rider.work.reset();
  lock.lock();
  if (!over) wishing_.push_back(std::move(rider));
}

void SyncRounds::go_round(std::unique_lock<std::mutex>& lock) {
  in_round_ = true;
  std::vector<Rider> riders = std::exchange(wishing_, {});
  lock.unlock();
  sync(riders);
  lock.lock();
  std::ranges::move(riders, std::back_inserter(moving_));
  in_round_ = false;
  if (moving_.size() > 1) more_.notify_one();
}

void SyncRounds::sync(std::vector<Rider>& riders) {
  std::map<std::string, Result<void>> directories;
  for (Rider& rider : riders) {
    for (const Call& wait : rider.wishes.waits_)
      if (rider.result) rider.result = wait();
    if (!rider.result) continue;
    rider.synced.assign(rider.wishes.syncs_.size(), {});
    for (const std::string& path : rider.wishes.directories_) directories[path];
  }
  std::vector<std::function<void()>> calls;
  for (auto& [path, result] : directories)
    calls.emplace_back([&] { result = base::sync_directory(path); });
  for (Rider& rider : riders)
    for (std::size_t i = 0; i < rider.synced.size(); ++i)
      calls.emplace_back([&rider, i] { rider.synced[i] = rider.wishes.syncs_[i](); });
  crew_.share(calls.size(), [&](std::size_t i) { calls[i](); });
  for (Rider& rider : riders) {
    for (auto& synced : std::exchange(rider.synced, {}))
      if (rider.result) rider.result = std::move(synced);
    if (!rider.result) continue;
    for (const std::string& path : rider.wishes.directories_)
      if (rider.result) rider.result = directories.at(path);
  }
}

}  // namespace base
