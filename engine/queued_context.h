// SPDX-License-Identifier: Apache-2.0
//
// A message of the queue as the policy language sees it: variables from -H, headers,
// and the beginning and end of the body, read from -D only when they are asked for.
//
// It answers what is known without asking anybody; the names a condition may not use
// here are refused when it is read.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "policy/context.h"
#include "spoolfmt/queued.h"

namespace engine {

class QueuedContext : public policy::Context {
 public:
  // `input` is the directory of the message's files.  All live longer than this.
  QueuedContext(const spoolfmt::Queued& queued, std::string input, base::Time now,
                policy::LookupFiles& files)
      : queued_(queued), input_(std::move(input)), now_(now), files_(files) {}

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
  std::span<const std::string> local_addresses() override { return {}; }
  policy::Outcome<policy::CheckResult> verify(
      const policy::VerifyRequest& request) override;
  policy::Outcome<policy::CheckResult> check(std::string_view what,
                                             std::string_view argument) override;
  policy::Outcome<void> rate(
      std::string_view key,
      const std::function<bool(std::optional<policy::RateEntry>&)>& update) override;
  void add_header(policy::HeaderPlace, std::string) override {}
  void remove_header(std::string) override {}
  void control(std::string_view, std::span<const std::string>) override {}
  void log(std::string_view, std::string_view) override {}
  void delay(std::chrono::seconds) override {}
  std::chrono::system_clock::time_point now() override { return now_; }
  policy::LookupFiles& files() override { return files_; }

 private:
  std::string_view option(std::string_view name) const;  // its value, "1" of a flag
  std::string_view keep(std::string text) { return kept_ = std::move(text); }
  std::string_view keep(std::uint64_t number) { return keep(std::to_string(number)); }
  std::uint64_t header_lines() const;
  std::string_view recipients(std::string_view separator, bool double_colons);
  std::string_view reply_address();
  std::string_view sender_fullhost();
  std::string_view sender_rcvhost();
  policy::Outcome<std::string_view> body(bool end);

  const spoolfmt::Queued& queued_;
  std::string input_;
  base::Time now_;
  policy::LookupFiles& files_;
  std::string kept_;  // what variable() made up
  std::optional<std::vector<policy::HeaderLine>> headers_;
  std::map<std::string, std::string, std::less<>> named_;  // acl_..., as they are asked
  // By conditions and routers: some twenty, so whoever looks for one walks.
  std::deque<std::pair<policy::VariableId, std::string>> set_;
};

}  // namespace engine
