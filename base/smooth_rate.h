// SPDX-License-Identifier: Apache-2.0
//
// How fast a count grows, a second: smoothed over the last seconds, however often
// somebody looks.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>

namespace base {

class SmoothRate {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  // The count is that high now; it began with 0.
  double look(std::uint64_t count, Instant now) {
    std::chrono::duration<double> span = now - looked_;
    if (looked_ == Instant{}) span = kFirst;
    if (span.count() <= 0) return rate_;
    double weight = 1 - std::exp(-span / kSpan);
    rate_ += weight * (static_cast<double>(count - count_) / span.count() - rate_);
    count_ = count;
    looked_ = now;
    return rate_;
  }

 private:
  static constexpr std::chrono::duration<double> kSpan{5};
  // What came before the first look came in so long.
  static constexpr std::chrono::duration<double> kFirst{0.25};

  std::uint64_t count_ = 0;
  double rate_ = 0;
  Instant looked_{};
};

}  // namespace base
