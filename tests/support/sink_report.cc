// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sink_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>

#include "base/fd.h"

namespace support {

namespace {

using nlohmann::json;

// What each event has beside time, connection and event.
const std::map<std::string, std::set<std::string>> kMembers = {
    {"connect", {"peer", "open", "refused"}},
    {"starttls", {"failed"}},
    {"auth", {"right"}},
    {"mail", {"message", "sender", "code"}},
    {"rcpt", {"message", "recipient", "code"}},
    {"data", {"message", "code"}},
    {"dot", {"message", "size", "message_id"}},
    {"answered", {"message", "code"}},
    {"drop", {"stage"}},
    {"close", {"messages"}},
};
const std::set<std::string> kMayHave = {"cipher", "sni"};  // starttls

std::string read(const std::filesystem::path& file) {
  auto text = base::read_file(file);
  if (!text) throw std::runtime_error(text.error().text);
  return *text;
}

template <class T>
void take(const json& object, const char* name, T& into) {
  if (auto found = object.find(name); found != object.end()) found->get_to(into);
}

SinkEvent parse_event(const std::string& line) {
  json object = json::parse(line);
  SinkEvent event;
  object.at("time").get_to(event.time);
  object.at("connection").get_to(event.connection);
  object.at("event").get_to(event.event);
  std::set<std::string> members = kMembers.at(event.event);
  for (const auto& [name, value] : object.items()) {
    if (name == "time" || name == "connection" || name == "event") continue;
    if (members.erase(name) == 0 && !kMayHave.contains(name))
      throw std::runtime_error("member " + name);
  }
  if (!members.empty()) throw std::runtime_error("no " + *members.begin());
  take(object, "message", event.message);
  take(object, "code", event.code);
  take(object, "open", event.open);
  take(object, "refused", event.refused);
  take(object, "sender", event.sender);
  take(object, "recipient", event.recipient);
  take(object, "message_id", event.message_id);
  take(object, "stage", event.stage);
  take(object, "messages", event.taken);
  return event;
}

// Of one file: what may follow what.
class Order {
 public:
  void check(const SinkEvent& event) {
    if (event.time < last_) throw std::runtime_error("time goes back");
    last_ = event.time;
    const bool fresh = seen_.insert(event.connection).second;
    if (fresh != (event.event == "connect") || closed_.contains(event.connection))
      throw std::runtime_error("connection out of order");
    if (event.event == "close") closed_.insert(event.connection);
  }

 private:
  std::int64_t last_ = 0;
  std::set<std::uint64_t> seen_, closed_;
};

}  // namespace

SinkEvents read_sink_events(const std::filesystem::path& file) {
  SinkEvents events;
  Order order;
  std::istringstream lines(read(file));
  for (std::string line; std::getline(lines, line);) {
    try {
      events.push_back(parse_event(line));
      order.check(events.back());
    } catch (const std::exception& error) {
      throw std::runtime_error(file.string() + ": line " +
                               std::to_string(events.size() + 1) + ": " + error.what() +
                               ": " + line);
    }
  }
  return events;
}

SinkCounts parse_sink_counts(const std::string& text) {
  SinkCounts counts;
  const json object = json::parse(text);
  for (const auto& [name, value] : object.items()) {
    if (name != "doubled") {
      value.get_to(counts.number[name]);
      continue;
    }
    for (const json& each : value)
      counts.doubled.push_back(
          {each.at("recipient"), each.at("message_id"), each.at("times")});
  }
  return counts;
}

SinkCounts read_sink_counts(const std::filesystem::path& file) {
  return parse_sink_counts(read(file));
}

testing::AssertionResult each_once(const SinkCounts& counts, std::uint64_t messages) {
  if (counts.number.at("messages") != messages)
    return testing::AssertionFailure()
           << counts.number.at("messages") << " messages instead of " << messages;
  if (counts.doubled.empty() && counts.number.at("duplicates") == 0)
    return testing::AssertionSuccess();
  auto failure = testing::AssertionFailure() << "twice or more:";
  for (const SinkDouble& each : counts.doubled)
    failure << "\n" << each.recipient << " " << each.message_id << " " << each.times;
  return failure;
}

Pipelined pipelined(const SinkEvents& events) {
  using Message = std::pair<std::uint64_t, unsigned>;  // connection, number
  std::set<Message> answered;
  Pipelined found;
  for (const SinkEvent& event : events) {
    if (event.event == "answered") answered.insert({event.connection, event.message});
    if (event.event != "mail" || event.message < 2) continue;
    ++found.followed;
    if (!answered.contains({event.connection, event.message - 1})) ++found.ahead;
  }
  return found;
}

std::uint64_t most_open(const SinkEvents& events) {
  std::set<std::uint64_t> open;
  std::size_t most = 0;
  for (const SinkEvent& event : events) {
    if (event.event == "connect" && !event.refused) open.insert(event.connection);
    if (event.event == "close") open.erase(event.connection);
    most = std::max(most, open.size());
  }
  return most;
}

std::map<std::uint64_t, std::uint64_t> messages_by_connection(
    const SinkEvents& events) {
  std::map<std::uint64_t, std::uint64_t> messages;
  for (const SinkEvent& event : events)
    if (event.event == "close") messages[event.connection] = event.taken;
  return messages;
}

std::map<std::string, std::int64_t> dot_times(const SinkEvents& events) {
  std::map<std::string, std::int64_t> times;
  for (const SinkEvent& event : events)
    if (event.event == "dot") times.emplace(event.message_id, event.time);
  return times;
}

}  // namespace support
