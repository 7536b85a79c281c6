// SPDX-License-Identifier: Apache-2.0
//
// What bobbin-sink wrote with --events and --count-file, read strictly, and the
// questions that tests of the queue runner ask of it.
//
// A line that is not as bobbin-sink(1) says throws std::runtime_error, which fails the
// test: a report that is half understood proves nothing.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace support {

struct SinkEvent {
  std::int64_t time = 0;  // CLOCK_MONOTONIC, microseconds
  std::uint64_t connection = 0;
  std::string event;
  unsigned message = 0;     // of its connection, from 1
  int code = 0;             // the reply's
  std::uint64_t open = 0;   // connect: sessions open then, this one too
  bool refused = false;     // connect
  std::string sender;       // mail
  std::string recipient;    // rcpt
  std::string message_id;   // dot
  std::string stage;        // drop
  std::uint64_t taken = 0;  // close: messages of the connection
};

using SinkEvents = std::vector<SinkEvent>;

// In the order of the file; times never go back, and every connection begins with
// connect and is silent after close.
SinkEvents read_sink_events(const std::filesystem::path& file);

struct SinkDouble {
  std::string recipient, message_id;
  std::uint64_t times = 0;
};

struct SinkCounts {
  std::map<std::string, std::uint64_t> number;  // by name; at() is the strict way
  std::vector<SinkDouble> doubled;
};

SinkCounts read_sink_counts(const std::filesystem::path& file);
SinkCounts parse_sink_counts(const std::string& json);

// That many messages were taken, none twice, and no recipient twice.
testing::AssertionResult each_once(const SinkCounts& counts, std::uint64_t messages);

// How many messages had the MAIL of the next one of their connection in the sink before
// their own answer left it, and how many had a next one.
struct Pipelined {
  unsigned ahead = 0, followed = 0;
};
Pipelined pipelined(const SinkEvents& events);

// Connections open at once, those refused for being too many left out.
std::uint64_t most_open(const SinkEvents& events);

// Messages taken, by connection; of those that have closed.
std::map<std::uint64_t, std::uint64_t> messages_by_connection(const SinkEvents& events);

// When the last octet of each message was there, by Message-ID; of one that came twice
// the first time.
std::map<std::string, std::int64_t> dot_times(const SinkEvents& events);

}  // namespace support
