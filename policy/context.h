// SPDX-License-Identifier: Apache-2.0
//
// What the policy asks the world, and what it tells it (spec/policy.md 19.3).
//
// One Context stands for one connection, message and address at a time.  A program
// derives from it and answers what it can; what it cannot was refused when the policy
// was loaded (Program::features), so the answers here are only for the case of a bug.
// Any call may take its time: see evaluation.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/outcome.h"
#include "policy/phase.h"
#include "policy/variables.h"

namespace policy {

class LookupFiles;
class RateMemory;  // policy/ratelimit.h

struct HeaderLine {
  std::string_view name;  // without the colon and what precedes it
  std::string_view text;  // the whole header, folded as it is, newline included
};

// The client, or another host, for lists of hosts.
struct HostSubject {
  std::string_view address;  // empty: there is no host, the message is from here
  std::uint16_t port = 0;
  // The names of a host that is not the client; null: Context::host_names() is asked.
  const std::vector<std::string>* names = nullptr;
};

enum class Answer : std::uint8_t { yes, no, defer };

// The answer of a check that the policy only names: verify, spf, dmarc, dcc ...
struct CheckResult {
  Answer answer = Answer::no;
  std::string word;          // "softfail": what a list of words is matched against
  std::string user_message;  // for the client where the policy gives none
  std::string log_message;
};

struct VerifyRequest {
  std::string item;                  // "recipient"
  std::string address;               // of "sender=ADDRESS"; empty: the current one
  std::vector<std::string> options;  // as written, evaluated: "callout=30s,defer_ok"
};

// The events of a ratelimit (10.9).  The store is the program's, the arithmetic ours.
struct RateEntry {
  std::chrono::microseconds at{};  // since the epoch
  double rate = 0;
  std::string unique;  // what count_unique filters remember; opaque
};

enum class HeaderPlace : std::uint8_t {
  at_end,
  at_start,
  after_received,
  at_start_rfc
};

// What the DNS says: the fields of each record as they are written in zone files, names
// without the final dot.  MX {"10", "mx.example.net"}, TXT its strings, TLSA {"3", "1",
// "1", "c0ffee"}.
struct DnsAnswer {
  Answer answer = Answer::no;  // yes: there are records
  std::vector<std::vector<std::string>> records;
  bool authenticated = false;  // by DNSSEC
};

class Context {
 public:
  virtual ~Context() = default;

  // The variable's value, empty if it is not set; a view that holds until the context
  // is asked or told something else.  Not asked for what the evaluation knows itself:
  // $value, $item, captures, $acl_arg1, $acl_narg, acl_c..., acl_m..., r_..., the
  // $tod_... family, $pid, $version_number and what main options say.
  virtual Outcome<std::string_view> variable(VariableId id) = 0;

  // "acl_m_x", "r_x": null if it was never set.
  virtual const std::string* named_variable(std::string_view name) = 0;
  virtual void set_named_variable(std::string_view name, std::string value) = 0;
  // $domain_data, $sender_data, $srs_recipient, $dnslist_text, ...: set by conditions.
  virtual void set_variable(VariableId id, std::string value) = 0;

  // The headers of the message as they are seen now, in order; none before the message.
  virtual std::span<const HeaderLine> headers() = 0;

  virtual HostSubject host() = 0;
  // Verified names of the host, the first one is its name: for `*.name` and patterns.
  virtual Outcome<std::vector<std::string>> host_names() = 0;
  // Addresses of a name: for plain names in lists of hosts.
  virtual Outcome<std::vector<std::string>> addresses_of(std::string_view name) = 0;
  // "a", "mx", "txt", ...
  virtual Outcome<DnsAnswer> dns(std::string_view type, std::string_view name) = 0;
  // Addresses of this machine's interfaces: `@[]`.
  virtual std::span<const std::string> local_addresses() = 0;

  virtual Outcome<CheckResult> verify(const VerifyRequest& request) = 0;
  // "spf", "spf_guess", "dmarc", "dcc", "dkim", "bmi", "arc": runs the engine if it has
  // not run yet for this message.  "spf" with an argument "ADDRESS SENDER" is about
  // these two, whoever the client is.
  virtual Outcome<CheckResult> check(std::string_view what,
                                     std::string_view argument) = 0;
  // Reads the entry of `key`, lets `update` change it, writes it back unless that says
  // no.  Defer: the store is not available.
  virtual Outcome<void> rate(
      std::string_view key,
      const std::function<bool(std::optional<RateEntry>&)>& update) = 0;

  // Null: nothing is remembered, so every question counts.
  virtual RateMemory* rate_memory() { return nullptr; }

  // What statements do besides deciding.
  virtual void add_header(HeaderPlace place, std::string text) = 0;
  virtual void remove_header(std::string name_or_pattern) = 0;
  // "queue", {"only"}; options are checked and evaluated.
  virtual void control(std::string_view name, std::span<const std::string> options) = 0;
  // To "main,reject", or "" for none; "warn": what `warn` says, which is written once
  // in a message, as "Warning: text".
  virtual void log(std::string_view logs, std::string_view text) = 0;
  virtual void delay(std::chrono::seconds time) = 0;

  // How far the delivery is: has the message been tried before, is this a queue run?
  virtual bool first_delivery() { return false; }
  virtual bool queue_running() { return false; }

  virtual std::chrono::system_clock::time_point now() = 0;
  virtual LookupFiles& files() = 0;
};

// Days since 1970-01-01, as addresses rewritten by SRS count them.
inline std::int64_t today(Context& context) {
  return std::chrono::floor<std::chrono::days>(context.now())
      .time_since_epoch()
      .count();
}

}  // namespace policy
