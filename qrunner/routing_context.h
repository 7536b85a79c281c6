// SPDX-License-Identifier: Apache-2.0
//
// A message on its way as routers and transports see it: what the queue knows of it,
// and the DNS as far as this run knows it (qrunner/names.h).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/queued_context.h"
#include "policy/policy.h"
#include "qrunner/names.h"

namespace qrunner {

class RoutingContext : public engine::QueuedContext {
 public:
  // All live longer than this.
  RoutingContext(const policy::Policy& policy, const spoolfmt::Queued& queued,
                 std::string input, base::Time now, policy::LookupFiles& files,
                 const Names& names)
      : QueuedContext(queued, std::move(input), now, files),
        policy_(policy),
        names_(names),
        first_(queued.h.file.has("deliver_firsttime")) {}

  // What has to be asked before all is known; the result of an evaluation that wanted
  // something counts for nothing.
  const std::vector<Names::Question>& wanted() const { return wanted_; }

  // What is known, without wanting it.
  std::optional<Names::Answer> known(std::string_view type,
                                     std::string_view name) const {
    return names_.find({std::string(type), std::string(name)});
  }

  // From now on host lists are about this host, and not about the one that sent the
  // message.  The views must stay.
  void set_host(policy::HostSubject host) { host_ = host; }

  policy::HostSubject host() override;
  policy::Outcome<std::vector<std::string>> host_names() override;
  policy::Outcome<std::vector<std::string>> addresses_of(
      std::string_view name) override;
  policy::Outcome<policy::DnsAnswer> dns(std::string_view type,
                                         std::string_view name) override;
  std::span<const std::string> local_addresses() override;
  bool first_delivery() override { return first_; }
  bool queue_running() override { return true; }

 private:
  base::Result<net::DnsRecords> ask(std::string_view type, std::string_view name);

  const policy::Policy& policy_;
  const Names& names_;
  bool first_;
  std::optional<policy::HostSubject> host_;
  std::vector<Names::Question> wanted_;
};

}  // namespace qrunner
