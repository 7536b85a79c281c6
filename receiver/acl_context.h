// SPDX-License-Identifier: Apache-2.0
//
// The policy's view of one SMTP session: what ACLs ask, and what they ask for
// (spec/policy.md chapters 10 to 12; Exim manual, "Access control lists").
//
// The session says what is at hand, runs an ACL, and looks at what was wished for. Only
// one of them is at work at a time, so an ACL that has to wait may run on a thread of
// the pool.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "policy/header_changes.h"
#include "policy/log_selector.h"
#include "policy/lookup_files.h"
#include "policy/policy.h"
#include "policy/ratelimit.h"
#include "policy/routers.h"
#include "receiver/facts.h"
#include "spoolfmt/h_file.h"

namespace net {
class Resolver;
}

namespace receiver {

class RateStore;

// What all sessions of one policy share.
struct World {
  std::shared_ptr<const policy::Policy> policy;
  net::Resolver& resolver;
  RateStore& rates;
  base::MainLog& main_log;
  base::MainLog& reject_log;
  base::MainLog& panic_log;
  const base::Clock& clock;
  std::filesystem::path spool;
  std::string queue;            // -G
  policy::LogSelector shown{};  // in logs
};

// The message, as far as it is here.
struct MessageAtHand {
  std::string id;
  base::Time received;
  const std::vector<spoolfmt::Header>* headers = nullptr;  // null: not read yet
  std::filesystem::path d_file;  // where $message_body is; empty: nowhere yet
  std::string_view body;         // what is to follow in there
  std::uint64_t body_size = 0, body_lines = 0, body_nuls = 0, longest_line = 0;
  std::uint64_t size = 0;  // $message_size: as declared, later of headers and body
};

// What ACLs ask of the session itself, for the rest of the connection.
struct SessionWishes {
  std::optional<bool> enforce_sync;
  bool no_pipelining = false;
  bool no_multiline_responses = false;
  bool no_delay_flush = false;
  bool allow_auth_unadvertised = false;
};

class AclContext final : public policy::Context {
 public:
  // All must outlive the context.
  AclContext(const World& world, Client& client);
  ~AclContext() override;

  // What is at hand: said by the session before an ACL runs.
  std::string command, argument;       // $smtp_command, $smtp_command_argument
  const Envelope* envelope = nullptr;  // from MAIL on
  std::string recipient;               // of RCPT, VRFY ...: whole, as written; "": none
  unsigned rcpt_count = 0, rcpt_defer_count = 0, rcpt_fail_count = 0;
  const MessageAtHand* message = nullptr;  // from DATA on
  std::array<std::string, 3> auth;         // $auth1 to $auth3
  std::string notquit_reason;
  unsigned sessions_at_start = 0;  // $smtp_count_at_connection_start

  // What was wished for: looked at by the session after an ACL.
  Wishes wishes;          // for the message
  SessionWishes session;  // for the connection
  policy::HeaderChanges changes;
  AclVariables variables;  // acl_c..., acl_m..., as -H keeps them
  // What `delay` came to since the last call.
  std::chrono::seconds take_delay();

  // The command is over, the message is over: what belongs to it is forgotten.
  void end_command();
  void end_message();

  // Asks the DNS for the client's names, once (10.6, reverse_host_lookup).
  const HostNames& look_up_client();

  // "H=name (helo) [192.0.2.1]", of the client, for logs.
  std::string who() const;

  // policy::Context
  policy::Outcome<std::string_view> variable(policy::VariableId id) override;
  const std::string* named_variable(std::string_view name) override;
  void set_named_variable(std::string_view name, std::string value) override;
  void set_variable(policy::VariableId id, std::string value) override;
  std::span<const policy::HeaderLine> headers() override;
  policy::HostSubject host() override;
  policy::Outcome<std::vector<std::string>> host_names() override;
  policy::Outcome<std::vector<std::string>> addresses_of(
      std::string_view name) override;
  policy::Outcome<policy::DnsAnswer> dns(std::string_view type,
                                         std::string_view name) override;
  std::span<const std::string> local_addresses() override;
  policy::Outcome<policy::CheckResult> verify(
      const policy::VerifyRequest& request) override;
  policy::Outcome<policy::CheckResult> check(std::string_view what,
                                             std::string_view argument) override;
  policy::Outcome<void> rate(
      std::string_view key,
      const std::function<bool(std::optional<policy::RateEntry>&)>& update) override;
  policy::RateMemory* rate_memory() override { return &memory_; }
  void add_header(policy::HeaderPlace place, std::string text) override;
  void remove_header(std::string name_or_pattern) override;
  void control(std::string_view name, std::span<const std::string> options) override;
  void log(std::string_view logs, std::string_view text) override;
  void delay(std::chrono::seconds time) override;
  std::chrono::system_clock::time_point now() override;
  policy::LookupFiles& files() override { return files_; }

 private:
  // How a variable's value is found: receiver/acl_variables.cc.
  struct Telling;

  // The current recipient, taken apart once.
  struct RecipientParts {
    std::string of;  // the address that they are parts of
    std::string local_part, lower_local_part, domain;
  };
  const RecipientParts& recipient_parts();
  policy::CheckResult verify_sender(const std::string& address, bool redirected,
                                    bool details);
  policy::CheckResult verify_header_sender(bool redirected);
  policy::CheckResult route(const std::string& address, policy::RoutePurpose purpose,
                            bool redirected);
  void write(base::MainLog& log, std::string_view text) const;

  const World& world_;
  Client& client_;
  const bool show_port_;  // of the client, in logs
  policy::RateMemory memory_;
  policy::LookupFiles files_;
  std::chrono::seconds delay_{};
  std::map<policy::VariableId, std::string> set_;               // by conditions
  std::map<std::string, std::string, std::less<>> remembered_;  // r_...
  std::map<std::string, policy::CheckResult, std::less<>> sender_checks_;
  std::set<std::string, std::less<>> warned_;
  std::deque<std::string> history_;  // verbs of the commands before
  std::vector<policy::HeaderLine> header_lines_;
  RecipientParts recipient_parts_;
  bool caseful_ = false;   // $local_part
  std::string_view mode_;  // $verify_mode
  std::string text_;       // of the variable asked for last
};

}  // namespace receiver
