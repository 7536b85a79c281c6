// SPDX-License-Identifier: Apache-2.0
//
// What a text is evaluated with ahead of its turn: the world of another context, which
// is only looked at, and none of the values that may change until the turn comes.
//
// Who asks for such a value, or sets one, is noticed, and has to be evaluated again
// when it is its turn; of all others the result holds.  One for each thread.
#pragma once

#include <utility>

#include "policy/scripted_context.h"

namespace utils {

class TrialContext final : public policy::Context {
 public:
  explicit TrialContext(policy::ScriptedContext& world)
      : world_(world), files_(world.files()) {}

  // Has anything been asked or set that has to wait, since the last call?
  bool take_premature() { return std::exchange(premature_, false); }

  policy::Outcome<std::string_view> variable(policy::VariableId id) override;
  const std::string* named_variable(std::string_view name) override;
  void set_named_variable(std::string_view name, std::string value) override;
  void set_variable(policy::VariableId id, std::string value) override;
  policy::Outcome<void> rate(
      std::string_view key,
      const std::function<bool(std::optional<policy::RateEntry>&)>& update) override;

  // Nobody asks for the effects of an expansion.
  void add_header(policy::HeaderPlace, std::string) override {}
  void remove_header(std::string) override {}
  void control(std::string_view, std::span<const std::string>) override {}
  void log(std::string_view, std::string_view) override {}
  void delay(std::chrono::seconds) override {}

  // These stay as they are.
  std::span<const policy::HeaderLine> headers() override { return world_.headers(); }
  policy::HostSubject host() override { return world_.host(); }
  policy::Outcome<std::vector<std::string>> host_names() override {
    return world_.host_names();
  }
  policy::Outcome<std::vector<std::string>> addresses_of(
      std::string_view name) override {
    return world_.addresses_of(name);
  }
  policy::Outcome<policy::DnsAnswer> dns(std::string_view type,
                                         std::string_view name) override {
    return world_.dns(type, name);
  }
  std::span<const std::string> local_addresses() override {
    return world_.local_addresses();
  }
  policy::Outcome<policy::CheckResult> verify(
      const policy::VerifyRequest& request) override {
    return world_.verify(request);
  }
  policy::Outcome<policy::CheckResult> check(std::string_view what,
                                             std::string_view argument) override {
    return world_.check(what, argument);
  }
  std::chrono::system_clock::time_point now() override { return world_.now(); }
  policy::LookupFiles& files() override { return files_; }

 private:
  policy::ScriptedContext& world_;
  policy::LookupFiles files_;
  bool premature_ = false;
};

}  // namespace utils
