// SPDX-License-Identifier: Apache-2.0
//
// What happened at bobbin-sink and when: a line of JSON for each event.
//
// Times are CLOCK_MONOTONIC in microseconds, so that they can be compared with those of
// any other program on the machine.  The file has all events that came before a reply
// when the client can see that reply.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"
#include "base/result.h"

namespace utils {

class SinkEvents {
 public:
  SinkEvents() = default;  // writes nothing
  static base::Result<SinkEvents> create(const std::filesystem::path& file);

  // `details` adds members to the object.
  void add(
      std::uint64_t connection, std::string_view event,
      const std::function<void(base::Json&)>& details = [](base::Json&) {});
  // A disk that fails is complained about, once.
  void flush();

 private:
  base::Fd file_;
  std::string name_;
  std::string pending_;
};

}  // namespace utils
