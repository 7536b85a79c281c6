// SPDX-License-Identifier: Apache-2.0
//
// So many messages a second and no more.
//
// What was missed within the last tenth of a second may be caught up, so that the pace
// is kept by one who looks only now and then.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>

namespace qrunner {

class Pace {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  Pace() = default;  // as fast as it goes
  explicit Pace(double per_second)
      : interval_(std::chrono::duration_cast<Span>(
            std::chrono::duration<double>(1 / per_second))) {}

  bool limited() const { return interval_ > Span::zero(); }
  double per_second() const {
    return limited() ? 1 / std::chrono::duration<double>(interval_).count() : 0;
  }
  // Connections that can be of use, were each message to take a second.
  std::size_t connections() const {
    if (!limited()) return std::numeric_limits<std::size_t>::max();
    return static_cast<std::size_t>(std::ceil(std::max(1.0, per_second())));
  }

  // When the next message may be taken; long ago if there is no limit.
  Instant at() const { return next_; }
  bool allows(Instant now) const { return now >= next_; }
  void take(Instant now) {
    if (limited()) next_ = std::max(next_, now - kCatchUp) + interval_;
  }

 private:
  using Span = std::chrono::nanoseconds;
  static constexpr Span kCatchUp = std::chrono::milliseconds(100);

  Span interval_ = Span::zero();
  Instant next_ = Instant::min();
};

}  // namespace qrunner
