// SPDX-License-Identifier: Apache-2.0
//
// What the ACLs of a session on paper see and do (utils/policy_session.h): the client
// as it has introduced itself, addresses that the routers would take, and everything
// that is asked for kept to be looked at.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/acl_trace.h"
#include "policy/header_changes.h"
#include "policy/policy.h"
#include "policy/ratelimit.h"
#include "policy/scripted_context.h"

namespace utils {

class PaperContext : public policy::ScriptedContext, public policy::AclTracer {
 public:
  explicit PaperContext(const policy::Policy& policy) : policy_(policy) {}

  policy::HeaderChanges changes;  // of the stage that is running
  policy::RateMemory memory;
  std::vector<std::string> lines;           // of all logs
  std::vector<policy::Diagnostic> clauses;  // that were asked, and what they came to
  std::string who;                          // "H=(c) [192.0.2.10]"
  // Of the message.
  bool frozen = false, queue_only = false, caseful = false;
  std::string fake_code, fake_text;  // of fakereject and fakedefer

  void forget_message();

  policy::Outcome<std::string_view> variable(policy::VariableId id) override;
  policy::Outcome<policy::CheckResult> verify(
      const policy::VerifyRequest& request) override;
  policy::RateMemory* rate_memory() override { return &memory; }
  void add_header(policy::HeaderPlace place, std::string text) override {
    changes.add(place, std::move(text));
  }
  void remove_header(std::string name_or_pattern) override {
    changes.remove(std::move(name_or_pattern));
  }
  void control(std::string_view name, std::span<const std::string> options) override;
  void log(std::string_view logs, std::string_view text) override;
  void trace(const policy::Origin& place, std::string text) override {
    clauses.push_back({place, std::move(text)});
  }

 private:
  policy::CheckResult verify_sender(const std::string& address, bool redirect_is_fine);
  policy::CheckResult verify_header_sender(bool redirect_is_fine);

  const policy::Policy& policy_;
  std::set<std::string, std::less<>> warned_;
  std::string headers_added_;
};

}  // namespace utils
