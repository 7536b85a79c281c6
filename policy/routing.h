// SPDX-License-Identifier: Apache-2.0
//
// What the parts of routing share: one router looking at one address.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/policy.h"

namespace policy {

// The same for all addresses of one call of route().
struct Routing {
  const Policy& policy;
  RoutePurpose purpose;
  Context& context;
  const FindAccount& find_account;

  bool verifies() const {
    return purpose == RoutePurpose::verify_recipient ||
           purpose == RoutePurpose::verify_sender;
  }
};

// An address that has yet to be routed.
struct Pending {
  RoutedAddress address;
  std::size_t first_router = 0;
  // Which routers had which of its ancestors.
  std::vector<std::pair<std::string, std::size_t>> handled;
};

// Null: there is none of that name.
const Driver* find_transport(const Policy& policy, std::string_view name);

struct Attempt {
  Routing& routing;
  const Driver& router;
  RoutedAddress& address;  // what routers say of it is written here
  Evaluation evaluation;
  // The address taken apart; the local part without affixes, and in lower case unless
  // the router wants it as it is.
  std::string whole_local_part, local_part, domain;
  // What $home is: of the account, and as the router says it.
  std::optional<std::string> account_home{}, router_home{};
};

// What a driver came to.
struct Verdict {
  enum class Kind : std::uint8_t {
    accepted,  // the address goes to `transport`
    declined,
    passed,
    failed,
    deferred,
    discarded,
    redirected,  // to `children`
  };
  Kind kind = Kind::declined;
  std::string message;
  bool freeze = false;
  std::string transport;  // of manualroute's rules; else the router's
  std::vector<RoutedHost> hosts;
  bool by_mx = false;
  // Addresses to be routed, and files and pipes, which are not.
  std::vector<RoutedAddress> children;

  static Verdict of(Kind kind, std::string message = "") {
    Verdict verdict;
    verdict.kind = kind;
    verdict.message = std::move(message);
    return verdict;
  }
};

// May the router see the address (13.2)?  A failure says why the address must wait.
// Strips affixes and sets what the following sees of it.
Outcome<bool> meets_preconditions(Attempt& attempt);

Verdict run_redirect(Attempt& attempt);
Verdict run_manualroute(Attempt& attempt);
Verdict run_dnslookup(Attempt& attempt);

// A boolean that may be a template; `otherwise` if it is not set or forced to fail.
Outcome<bool> option_truth(Attempt& attempt, std::string_view name, bool otherwise);
// The template's text; nothing if it is not set or forced to fail.
Outcome<std::optional<std::string>> option_text(Attempt& attempt,
                                                std::string_view name);

// What the driver's headers_add and headers_remove come to, behind what is there.
Outcome<void> add_header_changes(const Driver& driver, Evaluation& evaluation,
                                 std::vector<std::string>& add,
                                 std::vector<std::string>& remove);

// "a : b::25 : + : [2001:db8::1]:25" and words like "byname".
struct HostOptions {
  bool randomize = false;
  RoutedHost::Lookup lookup = RoutedHost::Lookup::any;
  std::string transport;
};
std::vector<RoutedHost> parse_hosts(std::string_view list, const HostOptions& options);

// Takes out the addresses that ignore_target_hosts names; names are resolved later.
void drop_ignored(Attempt& attempt, std::vector<RoutedHost>& hosts);

// Is `host` this machine?  Then `self` says what to do.
bool is_this_machine(Attempt& attempt, const RoutedHost& host);
// Nothing: go on and deliver to it.
std::optional<Verdict> judge_self(Attempt& attempt, std::string_view host);

}  // namespace policy
