// SPDX-License-Identifier: Apache-2.0
//
// The rates that `ratelimit` keeps (spec/policy.md 10.9), in LMDB, shared by all
// processes on the spool: <spool>/db/bobbin/rates.
//
// A hint, not a promise: written without syncs, and begun anew if it is damaged.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "policy/context.h"

namespace receiver {

class RateStore {
 public:
  // Makes the directory and the database if they are not there.
  static base::Result<RateStore> open(const std::filesystem::path& spool);
  RateStore(RateStore&&) noexcept;
  ~RateStore();

  // Reads the entry of `key`, lets `update` change it and writes it back unless that
  // says no; nobody else comes between.  From any thread.
  base::Result<void> update(
      std::string_view key,
      const std::function<bool(std::optional<policy::RateEntry>&)>& update);

  // Drops entries that nobody asked about since `before`.
  base::Result<void> forget(std::chrono::microseconds before);

 private:
  struct State;
  explicit RateStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace receiver
