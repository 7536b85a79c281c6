// SPDX-License-Identifier: Apache-2.0
#include "receiver/host_check.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "policy/ip.h"

namespace receiver {

namespace {

using base::Code;
using policy::Answer;
using policy::Ip;

// An address may have any number of PTR records, and its owner writes them.
constexpr std::size_t kMostNames = 10;

std::optional<Ip> usual_ip(std::string_view address) {
  auto ip = policy::parse_ip(address);
  if (ip) ip = policy::unmapped(*ip);
  return ip;
}

bool is_about(const std::vector<std::string>& record, const Ip& ip) {
  return !record.empty() && policy::parse_ip(record.front()) == ip;
}

struct AddressMatch {
  Answer answer = Answer::no;
  bool authenticated = false;  // by DNSSEC
};

// Whether the name leads to the address.
AddressMatch leads_to(std::string_view name, const Ip& ip, const engine::Ask& ask) {
  auto found = ask(ip.v6 ? "aaaa" : "a", name);
  if (!found)
    return {found.error().code == Code::temporary ? Answer::defer : Answer::no};
  bool there = std::ranges::any_of(
      found->records, [&](const auto& record) { return is_about(record, ip); });
  return {there ? Answer::yes : Answer::no, there && found->secure};
}

}  // namespace

HostNames find_host_names(std::string_view address, const engine::Ask& ask) {
  HostNames names;
  names.state = HostNames::State::failed;
  auto ip = usual_ip(address);
  if (!ip) return names;
  auto pointers = ask("ptr", net::reverse_name(policy::format_ip(*ip)));
  if (!pointers) {
    if (pointers.error().code == Code::temporary)
      names.state = HostNames::State::deferred;
    return names;
  }
  names.authenticated = pointers->secure;
  bool deferred = false;
  for (const auto& record : pointers->records) {
    if (&record - pointers->records.data() >= static_cast<std::ptrdiff_t>(kMostNames))
      break;
    if (record.empty() || !net::is_dns_name(record.front())) continue;
    const std::string& name = record.front();
    if (std::ranges::find(names.names, name) != names.names.end()) continue;
    AddressMatch back = leads_to(name, *ip, ask);
    deferred |= back.answer == Answer::defer;
    if (back.answer != Answer::yes) continue;
    names.names.push_back(name);
    names.authenticated &= back.authenticated;
  }
  if (!names.names.empty()) {
    names.state = HostNames::State::found;
  } else {
    names.authenticated = false;
    if (deferred) names.state = HostNames::State::deferred;
  }
  return names;
}

}  // namespace receiver
