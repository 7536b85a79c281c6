// SPDX-License-Identifier: Apache-2.0
//
// Holds back a storm of bounces: when so many of a run went to one domain, the
// recipients of further ones stay deferred.
//
// Forged senders make a queue full of undeliverable mail a weapon against whoever was
// forged; the next run goes on, so nothing is lost.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace qrunner {

class StormBrake {
 public:
  enum class Answer : std::uint8_t { go, hold, hold_and_tell };

  explicit StormBrake(std::uint64_t limit) : limit_(limit) {}  // 0: none

  // May one more report go to that address?  hold_and_tell once a domain, so that the
  // log has one line.  Safe from any thread.
  Answer ask(std::string_view address);
  // For that line.
  static std::string log_line(std::string_view address, std::uint64_t limit);
  std::uint64_t limit() const { return limit_; }

 private:
  const std::uint64_t limit_;
  std::mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> asked_;  // by domain
};

}  // namespace qrunner
