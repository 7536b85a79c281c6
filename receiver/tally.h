// SPDX-License-Identifier: Apache-2.0
//
// What came through a door of one loop, and what became of it (live_view.h shows it).
//
// Counted by that loop's thread alone and read by any: so a count is a plain load and
// store, and no two loops write to the same line of memory.
#pragma once

#include <atomic>
#include <cstdint>

#include "smtp/reply.h"

namespace receiver {

class Count {
 public:
  void add(std::uint64_t more = 1) { set(get() + more); }
  void take_one() { set(get() - 1); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }

  std::atomic<std::uint64_t> value_ = 0;
};

struct alignas(64) Tally {
  Count open;                      // sessions, now
  Count sessions;                  // since the start
  Count accepted;                  // messages, since the start
  Count bytes;                     // of them, as the main log has their sizes
  Count refused_4xx, refused_5xx;  // replies, whatever they are to

  void took(std::uint64_t size) {
    accepted.add();
    bytes.add(size);
  }
  void told(const smtp::Reply& reply) {
    if (reply.temporary()) refused_4xx.add();
    if (reply.permanent()) refused_5xx.add();
  }
};

}  // namespace receiver
