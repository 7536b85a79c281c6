// SPDX-License-Identifier: Apache-2.0
//
// Routing: from an address to where it goes (spec/policy.md chapter 13; Exim manual,
// "How Exim delivers mail" and the chapters on routers).
//
// Routers decide, they do not resolve: a host is a name or an address with how it is to
// be looked up.  Whoever delivers turns it into connections.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/context.h"
#include "policy/evaluation.h"
#include "policy/options.h"

namespace policy {

struct Policy;

struct RoutedHost {
  std::string name;  // "203.0.113.9", "mail.example.com"
  std::optional<std::uint16_t> port;
  enum class Lookup : std::uint8_t { any, by_name, by_dns, mx } lookup = Lookup::any;
  unsigned group = 0;  // hosts of one group are tried in random order
};

// An address on its way.  Children know where they came from.
struct RoutedAddress {
  std::string address;  // as it is delivered: "joe@example.net"
  std::string parent;   // "": the envelope's; else the address it came from
  std::vector<std::string> ancestors;  // nearest first

  enum class Outcome : std::uint8_t {
    deliver,  // by `transport`
    fail,     // undeliverable: `message`
    defer,    // not now: `message`
    discard,  // :blackhole:
    pipe,
    file,
    directory,   // `target`, by `transport`: from redirect data
    redirected,  // replaced by its children; only verification returns it
  };
  Outcome outcome = Outcome::deliver;
  std::string router, transport;  // names
  std::string target;             // of pipe, file and directory
  std::string message;            // for the sender
  bool freeze = false;            // deferred until somebody looks at it
  bool duplicate = false;         // another one delivers the same already
  bool one_time = false;          // the queue remembers the child, not the parent
  std::vector<RoutedHost> hosts;  // empty: the transport's own, or a local delivery
  std::vector<RoutedHost> fallback_hosts;
  bool by_mx = false;  // dnslookup: hosts are the MX of the domain
  std::string local_part_prefix, local_part_suffix;
  // As its last router saw them, for the transport: without affixes, in lower case
  // unless the router is for any case; what its lists found; the directory of $home.
  std::string local_part, local_part_data, domain_data, home;
  std::optional<std::string> errors_to;
  std::vector<std::string> headers_add, headers_remove;
  std::string address_data;
  std::map<std::string, std::string> variables;  // r_...
};

enum class RoutePurpose : std::uint8_t {
  deliver,
  verify_recipient,
  verify_sender,
  test,
  expn,
};

// An account of this machine, for check_local_user.
struct Account {
  std::string home;
};
using FindAccount = std::function<std::optional<Account>(const std::string& name)>;
std::optional<Account> find_system_account(const std::string& name);

// Routes one address with all that it fans out to, in the order of processing: the
// children of an address follow it.
std::vector<RoutedAddress> route(const Policy& policy, std::string_view address,
                                 RoutePurpose purpose, Context& context,
                                 const FindAccount& find_account = find_system_account);

// As Exim's -bt shows it, a line a line.
std::vector<std::string> describe_routes(const Policy& policy,
                                         std::vector<RoutedAddress> routed);

}  // namespace policy
