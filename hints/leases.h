// SPDX-License-Identifier: Apache-2.0
//
// Slots counted over all processes of this machine: connections to a site, through a
// transport, to an address (spec/queue-run.md 5.2).
//
// A lease names its owner, so that one who died frees its slots at once, and who hangs
// frees them 60 seconds after its last renewal; Exim's serialize counts take six hours.
// They lie in a file of their own, <spool>/db/bobbin/leases, that is written without
// syncs and is begun anew with the machine: a lease from before that means nothing.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace hints {

// A process, as no later one can be: its number may come again, not its start.
struct Owner {
  std::int32_t pid = 0;
  std::uint64_t start = 0;  // clock ticks after the machine's
  std::uint64_t space = 0;  // the pid namespace: elsewhere the number means another
  std::array<char, 16> boot{};

  static Owner self();
  bool operator==(const Owner&) const = default;
};

enum class Alive { yes, no, unknown };  // unknown: in another pid namespace
Alive is_alive(const Owner& owner);

inline constexpr std::chrono::seconds kLeaseLife{60};

class Leases {
 public:
  // Never fails: without the file the slots of this process alone are counted, after
  // one warning.
  static Leases open(const std::filesystem::path& spool, const base::Clock& clock,
                     std::function<void(const base::Error&)> warn = {},
                     Owner owner = Owner::self());
  Leases(Leases&&) noexcept;
  // Gives back all that is held.
  ~Leases();

  // A slot of `key`, if less than `limit` are held; keys are "S" and a site's hash,
  // "T" and a transport, "H" and an IP address.  Microseconds: no sync.
  bool take(std::string_view key, unsigned limit);
  void give_back(std::string_view key);
  // To be called every 20 seconds while slots are held.
  void renew();
  // Held by anybody alive.
  unsigned held(std::string_view key);

 private:
  struct State;
  explicit Leases(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hints
