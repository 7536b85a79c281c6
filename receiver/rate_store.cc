// SPDX-License-Identifier: Apache-2.0
#include "receiver/rate_store.h"

#include <cstring>
#include <string>
#include <utility>

#include "base/crypto.h"
#include "base/lmdb.h"
#include "spoolfmt/spool.h"

namespace receiver {

namespace {

// An entry is its time and its rate as this machine has them, then what tells unique
// events apart: nobody else reads them.
constexpr std::size_t kNumbers = sizeof(std::int64_t) + sizeof(double);

std::string format(const policy::RateEntry& entry) {
  std::int64_t at = entry.at.count();
  std::string bytes(kNumbers, '\0');
  std::memcpy(bytes.data(), &at, sizeof at);
  std::memcpy(bytes.data() + sizeof at, &entry.rate, sizeof entry.rate);
  return bytes += entry.unique;
}

std::optional<policy::RateEntry> parse(std::string_view bytes) {
  if (bytes.size() < kNumbers) return std::nullopt;
  std::int64_t at = 0;
  policy::RateEntry entry;
  std::memcpy(&at, bytes.data(), sizeof at);
  std::memcpy(&entry.rate, bytes.data() + sizeof at, sizeof entry.rate);
  entry.at = std::chrono::microseconds(at);
  entry.unique = bytes.substr(kNumbers);
  return entry;
}

// A key of LMDB has 511 bytes at most; a policy may make longer ones of addresses.
base::Result<std::string> short_key(std::string_view key) {
  constexpr std::size_t kLongest = 400;
  if (key.size() <= kLongest) return std::string(key);
  std::string sum = TRY(base::digest(base::DigestKind::sha2_256, key));
  return std::string(key.substr(0, kLongest)) + sum;
}

}  // namespace

struct RateStore::State {
  base::LmdbHints hints;
};

RateStore::RateStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
RateStore::RateStore(RateStore&&) noexcept = default;
RateStore::~RateStore() = default;

base::Result<RateStore> RateStore::open(const std::filesystem::path& spool) {
  const std::filesystem::path directory = spool / "db" / "bobbin";
  TRY(spoolfmt::make_directory(directory.parent_path()));
  TRY(spoolfmt::make_directory(directory));
  base::LmdbHints hints = TRY(base::LmdbHints::open(directory / "rates"));
  return RateStore(std::make_unique<State>(std::move(hints)));
}

base::Result<void> RateStore::update(
    std::string_view key,
    const std::function<bool(std::optional<policy::RateEntry>&)>& update) {
  std::string name = TRY(short_key(key));
  return state_->hints.update(name, [&](std::optional<std::string>& value) {
    std::optional<policy::RateEntry> entry;
    if (value) entry = parse(*value);
    if (!update(entry)) return false;
    value.reset();
    if (entry) value = format(*entry);
    return true;
  });
}

base::Result<void> RateStore::forget(std::chrono::microseconds before) {
  return state_->hints.erase_if([&](std::string_view, std::string_view value) {
    auto entry = parse(value);
    return !entry || entry->at < before;
  });
}

}  // namespace receiver
