// SPDX-License-Identifier: Apache-2.0
//
// Time that moves only when the test says so.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace support {

class FakeClock : public base::Clock {
 public:
  explicit FakeClock(base::Time start = base::Time(std::chrono::seconds(1'700'000'000)))
      : now_(start) {}

  base::Time now() const override { return now_; }
  void set(base::Time now) { now_ = now; }
  void advance(std::chrono::microseconds span) { now_ = now_.load() + span; }

 private:
  std::atomic<base::Time> now_;  // the code under test may look from other threads
};

}  // namespace support
