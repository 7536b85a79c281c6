// SPDX-License-Identifier: Apache-2.0
//
// Wall-clock time, handed down from main so that tests own it.
#pragma once

#include <chrono>

namespace base {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock : public Clock {
 public:
  Time now() const override {
    return std::chrono::floor<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
};

}  // namespace base
