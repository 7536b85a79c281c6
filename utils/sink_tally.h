// SPDX-License-Identifier: Apache-2.0
//
// What bobbin-sink took: numbers, who got a Message-ID twice, and the messages
// themselves in files.  Nothing is synced.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace utils {

struct SinkCounts {
  std::uint64_t connections = 0;
  std::uint64_t most_at_once = 0;         // connections
  std::uint64_t refused_connections = 0;  // 421: too many at a time
  std::uint64_t most_per_connection = 0;  // messages taken
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;  // of those messages
  std::uint64_t duplicates = 0;  // a recipient got a Message-ID again
  std::uint64_t refused_recipients = 0;
  std::uint64_t dropped = 0;
  std::uint64_t encrypted = 0;      // connections
  std::uint64_t authenticated = 0;  // connections
  std::uint64_t bytes = 0;
};

// The value of the Message-ID line of the header section, without blanks around it;
// empty if there is none.
std::string_view find_message_id(std::string_view message);

class SinkTally {
 public:
  struct Delivery {
    std::string client, helo, sender;
    std::vector<std::string> recipients;
  };

  // `directory`: where messages are written; empty: they are not.
  static base::Result<SinkTally> create(std::filesystem::path directory);

  SinkCounts counts;

  base::Result<void> keep(const Delivery& delivery, std::string_view message);

  // One line of JSON: the counts, and `doubled`: each recipient and Message-ID seen
  // more than once, and how often.
  std::string json() const;

 private:
  explicit SinkTally(std::filesystem::path directory)
      : directory_(std::move(directory)) {}
  base::Result<void> dump(const Delivery& delivery, std::string_view message) const;

  std::filesystem::path directory_;
  std::unordered_map<std::string, std::uint64_t> seen_;  // "recipient LF Message-ID"
};

}  // namespace utils
