// SPDX-License-Identifier: Apache-2.0
#include "qrunner/routing_context.h"

#include "base/text.h"
#include "engine/dns_questions.h"
#include "net/endpoint.h"

namespace qrunner {

base::Result<net::DnsRecords> RoutingContext::ask(std::string_view type,
                                                  std::string_view name) {
  Names::Question question{base::lower(type), base::lower(name)};
  if (auto known = names_.find(question)) return *std::move(known);
  wanted_.push_back(std::move(question));
  return base::fail(base::Code::temporary, "not asked yet");
}

policy::HostSubject RoutingContext::host() {
  return host_ ? *host_ : QueuedContext::host();
}

policy::Outcome<std::vector<std::string>> RoutingContext::host_names() {
  if (!host_) return QueuedContext::host_names();
  return std::vector<std::string>();
}

policy::Outcome<std::vector<std::string>> RoutingContext::addresses_of(
    std::string_view name) {
  auto asks = [this](std::string_view type, std::string_view what) {
    return ask(type, what);
  };
  return policy::outcome(engine::addresses_of(name, asks));
}

policy::Outcome<policy::DnsAnswer> RoutingContext::dns(std::string_view type,
                                                       std::string_view name) {
  auto asks = [this](std::string_view what, std::string_view where) {
    return ask(what, where);
  };
  return engine::answer(policy_, *this, asks, type, name);
}

std::span<const std::string> RoutingContext::local_addresses() {
  static const std::vector<std::string> addresses = net::interface_addresses();
  return addresses;
}

}  // namespace qrunner
