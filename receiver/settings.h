// SPDX-License-Identifier: Apache-2.0
//
// What the main section of the policy tells the SMTP server: plain values that hold for
// everybody, and questions that are asked for each client (spec/policy.md 15.3).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/stream.h"
#include "net/tls.h"
#include "policy/log_selector.h"
#include "policy/policy.h"
#include "receiver/acl_context.h"
#include "receiver/content.h"
#include "receiver/pace.h"
#include "smtp/body.h"
#include "smtp/dialogue.h"

namespace receiver {

struct Settings {
  std::string hostname;  // primary_hostname
  net::Span timeout{};   // of every wait for the client
  net::Span proxy_timeout{};
  smtp::Offer offer;  // what does not depend on the client
  smtp::LineEndings line_endings = smtp::LineEndings::reject;
  bool wire_format = false;  // spool_wireformat
  bool enforce_sync = true;
  bool check_size = true;         // smtp_check_spool_space
  std::uint64_t spool_space = 0;  // bytes that must stay free; 0: not looked at
  std::uint64_t spool_inodes = 0;
  std::uint64_t header_limit = 0;  // bytes of all header lines; 0: none
  std::uint64_t header_line_limit = 0;
  std::set<std::uint16_t> tls_on_connect_ports;
  std::optional<Slowdown> slow_mail, slow_rcpt;  // of smtp_ratelimit_hosts
  policy::LogSelector log;
  bool message_logs = true;

  Content::Limits content_limits() const {
    return {offer.size_limit, {header_limit, header_line_limit}};
  }
  // Code::config: the message names the option.
  static base::Result<Settings> of(const policy::Policy& policy);
};

// The questions.  Any of them may have to ask the DNS, if the policy has names in its
// lists of hosts: see policy::may_wait.
class ClientSettings {
 public:
  // All must outlive it.
  ClientSettings(const policy::Policy& policy, const Settings& settings,
                 AclContext& context)
      : policy_(policy), settings_(settings), context_(context) {}

  // Is the client in the list of that option?  `address`: another than the client's.
  // What cannot be found out is "no", and logged.
  bool listed(std::string_view option, std::string_view address = {});
  // Does a client that greets us so have its address looked up (helo_lookup_domains)?
  // Unless the option says otherwise, one that takes our name or address for its own.
  bool looks_up(const std::string& helo);
  // The option's template, expanded; `otherwise` if it is not set or cannot be.
  std::string text(std::string_view option, std::string otherwise = {});
  // The same where it is a number; nothing if it is not set, or none, which is logged.
  std::optional<unsigned> number(std::string_view option);

  // What the client is offered now.  AUTH mechanisms are the caller's to add.
  smtp::Offer offer(const Client& client);
  net::TlsSetting tls();
  // The part of it that may depend on the name which the client asked for; no list of
  // hosts is asked again.
  void choose_certificate(net::TlsSetting& setting);

 private:
  const policy::Policy& policy_;
  const Settings& settings_;
  AclContext& context_;
};

}  // namespace receiver
