// SPDX-License-Identifier: Apache-2.0
//
// A Context of plain values: what `bobbin policy` evaluates with and what tests set up.
// It asks nobody, remembers every effect, and runs no process, socket or spool.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/context.h"
#include "policy/lookup.h"

namespace policy {

class ScriptedContext : public Context {
 public:
  // What the world looks like.  Set it before evaluating.
  std::map<std::string, std::string, std::less<>> variables;  // "sender_address"
  std::map<std::string, std::string, std::less<>> named;      // "acl_m_x", "r_x"
  HostSubject client() const { return {host_address, host_port}; }
  std::string host_address;
  std::uint16_t host_port = 0;
  std::vector<std::string> names_of_host;
  std::map<std::string, std::vector<std::string>, std::less<>> addresses;  // of names
  std::map<std::string, DnsAnswer, std::less<>> records;  // "mx example.net"
  std::vector<std::string> interfaces = {"127.0.0.1", "::1"};
  // "recipient", "sender=a@b"; "spf", "dmarc": what is asked, or what with arguments.
  std::map<std::string, CheckResult, std::less<>> verifications, checks;
  std::map<std::string, RateEntry, std::less<>> rates;
  std::function<std::chrono::system_clock::time_point()> clock =
      std::chrono::system_clock::now;

  // Reads a message as it is in a file: headers, and what the message's variables say
  // of both parts.
  void set_message(std::string_view text);
  void add_message_header(std::string text);  // one header, newline included
  void clear_message();

  // What was done, in order.
  struct Effect {
    enum class Kind : std::uint8_t { log, add_header, remove_header, control, delay };
    Kind kind;
    std::string name;  // the log, the control; the place of a header
    std::string text;  // what was logged, added or removed; options, one a line
    HeaderPlace place = HeaderPlace::at_end;
    std::chrono::seconds time{};
    bool operator==(const Effect&) const = default;
  };
  std::vector<Effect> effects;

  Outcome<std::string_view> variable(VariableId id) override;
  const std::string* named_variable(std::string_view name) override;
  void set_named_variable(std::string_view name, std::string value) override;
  void set_variable(VariableId id, std::string value) override;
  std::span<const HeaderLine> headers() override { return header_lines_; }
  HostSubject host() override { return client(); }
  Outcome<std::vector<std::string>> host_names() override { return names_of_host; }
  Outcome<std::vector<std::string>> addresses_of(std::string_view name) override;
  Outcome<DnsAnswer> dns(std::string_view type, std::string_view name) override;
  std::span<const std::string> local_addresses() override { return interfaces; }
  Outcome<CheckResult> verify(const VerifyRequest& request) override;
  Outcome<CheckResult> check(std::string_view what, std::string_view argument) override;
  Outcome<void> rate(
      std::string_view key,
      const std::function<bool(std::optional<RateEntry>&)>& update) override;
  void add_header(HeaderPlace place, std::string text) override;
  void remove_header(std::string name_or_pattern) override;
  void control(std::string_view name, std::span<const std::string> options) override;
  void log(std::string_view logs, std::string_view text) override;
  void delay(std::chrono::seconds time) override;
  std::chrono::system_clock::time_point now() override { return clock(); }
  LookupFiles& files() override { return files_; }

 private:
  std::deque<std::string> header_texts_;  // their places never move
  std::vector<HeaderLine> header_lines_;
  LookupFiles files_;
};

}  // namespace policy
