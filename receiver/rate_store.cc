// SPDX-License-Identifier: Apache-2.0
#include "receiver/rate_store.h"

namespace receiver {

struct RateStore::State {};

RateStore::RateStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
RateStore::RateStore(RateStore&&) noexcept = default;
RateStore::~RateStore() = default;

base::Result<RateStore> RateStore::open(const std::filesystem::path&) {
  return RateStore(std::make_unique<State>());
}

base::Result<void> RateStore::update(
    std::string_view, const std::function<bool(std::optional<policy::RateEntry>&)>&) {
  return {};
}

base::Result<void> RateStore::forget(std::chrono::microseconds) {
  return {};
}

}  // namespace receiver
