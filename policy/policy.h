// SPDX-License-Identifier: Apache-2.0
//
// A policy: everything a configuration file says, checked and ready to be evaluated.
// Immutable; a reload makes another one, and sessions keep the one they began with.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cli.h"
#include "base/result.h"
#include "policy/acl.h"
#include "policy/lines.h"
#include "policy/list.h"
#include "policy/main_options.h"
#include "policy/operators.h"
#include "policy/options.h"
#include "policy/parsing.h"
#include "policy/retry.h"
#include "policy/routers.h"

namespace policy {

struct NamedList {
  std::string name;
  ListPtr list;
  Origin origin;
};

struct Policy {
  Options main;  // every main option that was set (policy/options.h)
  std::vector<NamedList> lists[kNamedListKinds];
  std::vector<Acl> acls;
  std::vector<Driver> routers, transports, authenticators;
  std::vector<RetryRule> retry;
  Places source;   // for positions in messages
  Phases waiting;  // where something may ask the DNS: may_wait() below

  // What `message` texts and variables need all the time.
  std::string primary_hostname, qualify_domain, qualify_recipient;
  TextSettings text;  // for operators and headers
};

// May what is evaluated in `phase` have to wait for the DNS?  Then it belongs on a
// thread of its own.
inline bool may_wait(const Policy& policy, Phase phase) {
  return policy.waiting.contains(phase);
}

struct Loaded {
  std::shared_ptr<const Policy> policy;  // null if there are errors
  Diagnostics diagnostics;
  Places source;  // to format them
};

// Reads, resolves and checks a whole policy for `program`.
Loaded load_policy(const std::filesystem::path& name, std::string_view text,
                   Macros macros, const ReadFile& read, const Program& program);

}  // namespace policy
