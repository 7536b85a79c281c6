// SPDX-License-Identifier: Apache-2.0
//
// How slow a client may be, and how it is slowed down: pure arithmetic (Exim manual,
// smtp_ratelimit_mail).
//
// A time-out for each read is no defence: one byte a minute would hold a session for
// weeks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace receiver {

// Watches a message come in: at least so many bytes in each window, and an end.
class Pace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::uint64_t kLeast = 100;         // bytes a second ...
  static constexpr std::chrono::seconds kWindow{120};  // ... over so long
  static constexpr std::chrono::minutes kLongest{30};  // of one message

  explicit Pace(Time start) : start_(start), window_(start) {}

  // When the next read must have brought something, at the latest.
  Time deadline() const;
  // `count` bytes came: false if that is too little by now.
  bool came(std::uint64_t count, Time now);

 private:
  Time start_;
  Time window_;  // when it began
  std::uint64_t bytes_ = 0;
};

// From the command number `threshold` on a delay, longer by `factor` each time:
// "2,0.5s,1.05,4m".
struct Slowdown {
  unsigned threshold = 0;
  std::chrono::milliseconds first{};
  double factor = 1;
  std::chrono::milliseconds longest{};

  // Code::config says what is wrong.
  static base::Result<Slowdown> parse(std::string_view text);
  // Before command number `count`, from 1.
  std::chrono::milliseconds delay(unsigned count) const;
};

}  // namespace receiver
