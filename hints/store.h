// SPDX-License-Identifier: Apache-2.0
//
// The memory of queue runs: <spool>/db/bobbin/run, in LMDB (spec/queue-run.md 5.2).
//
// A hint, not a promise: deleting the file costs time, never mail, so nothing here can
// fail.  What cannot be opened, read or written is told once, and from then on the
// store is memory of this process.  Changes are queued to one thread that commits every
// 50 ms or 512 changes; who reads sees what this process has queued.
//
// Never carried over a fork.  Safe from any thread.  Reading and changing one takes no
// lock for longer than a look-up, but for_each and sweep read the disk: not on an event
// loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "hints/retry_record.h"
#include "hints/site_hint.h"

namespace hints {

std::filesystem::path store_path(const std::filesystem::path& spool);

class Store {
 public:
  struct Settings {
    std::chrono::milliseconds commit_every{50};
    std::size_t commit_at = 512;  // changes
    // Told once what is wrong with the file, from any thread.  Unset: base::complain,
    // which adds what follows from it.
    std::function<void(const base::Error&)> warn = {};
  };

  // Makes the directory (0750) and the file (0640) if they are missing.
  static Store open(const std::filesystem::path& spool, Settings settings);
  static Store open(const std::filesystem::path& spool);
  // Memory only: for --dry-run and tests.
  static Store in_memory();
  Store(Store&&) noexcept;
  // Commits what is queued, and syncs the file.
  ~Store();

  bool persistent() const;

  // Keys are those of retry_key.h, as long as they like.
  std::optional<RetryRecord> retry(std::string_view key) const;
  void remember(std::string_view key, const RetryRecord& record);
  void forget(std::string_view key);
  // All of them, in the order of the keys that are not over-long; then those.  False
  // from `visit` ends it.
  void for_each_retry(
      const std::function<bool(std::string_view key, const RetryRecord& record)>& visit)
      const;

  // Nothing if it was last updated over 24 hours ago.
  std::optional<SiteHint> site(const SiteHash& site, base::Time now) const;
  void remember(const SiteHash& site, const SiteHint& hint);

  // Returns when all that was queued before is committed.
  void flush();
  // Removes what is too old: retry records 30 days after their last try, sites after 24
  // hours; and, if `is_queued` can tell, what is about a message at a host when the
  // message is gone.  Once an hour is enough, whoever asks.
  void sweep(base::Time now,
             const std::function<bool(std::string_view id)>& is_queued = {});

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The retry records of a spool for who only looks: makes nothing and locks nobody out.
// Nobody has run yet: no records.  Code::syntax and the system's codes otherwise.
base::Result<void> read_retry_records(
    const std::filesystem::path& spool,
    const std::function<bool(std::string_view key, const RetryRecord& record)>& visit);

}  // namespace hints
