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

AddressMatch leads_to(std::string_view name, const Ip& ip, const Ask& ask) {
  auto found = ask(ip.v6 ? "aaaa" : "a", name);
  if (!found)
    return {found.error().code == Code::temporary ? Answer::defer : Answer::no};
  bool there = std::ranges::any_of(
      found->records, [&](const auto& record) { return is_about(record, ip); });
  return {there ? Answer::yes : Answer::no, there && found->secure};
}

// "[192.0.2.1]", "[IPv6:2001:db8::1]"; nothing if it is no literal.
std::optional<Ip> parse_literal(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  for (std::string_view tag : {"IPv6:", "IPv4:"})
    if (base::equal_nocase(text.substr(0, tag.size()), tag)) {
      text.remove_prefix(tag.size());
      break;
    }
  return usual_ip(text);
}

policy::CheckResult refused(Answer answer, std::string why) {
  return {.answer = answer, .word = {}, .user_message = {}, .log_message = why};
}

policy::CheckResult verified() {
  return {.answer = Answer::yes, .word = {}, .user_message = {}, .log_message = {}};
}

}  // namespace

HostNames find_host_names(std::string_view address, const Ask& ask) {
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

base::Result<std::vector<std::string>> addresses_of(std::string_view name,
                                                    const Ask& ask) {
  std::vector<std::string> addresses;
  std::optional<base::Error> trouble;
  for (std::string_view type : {"a", "aaaa"}) {
    auto found = ask(type, name);
    if (!found) {
      if (found.error().code == Code::temporary) trouble = std::move(found.error());
      continue;
    }
    for (const auto& record : found->records)
      if (!record.empty()) addresses.push_back(record.front());
  }
  if (addresses.empty() && trouble) return std::unexpected(std::move(*trouble));
  return addresses;
}

AddressMatch leads_to(std::string_view name, std::string_view address, const Ask& ask) {
  auto ip = usual_ip(address);
  return ip ? leads_to(name, *ip, ask) : AddressMatch{};
}

policy::CheckResult verify_helo(std::string_view helo, std::string_view address,
                                const std::function<const HostNames&()>& names,
                                const Ask& ask) {
  auto ip = usual_ip(address);
  if (!ip) return verified();  // the message is from this machine
  if (helo.empty()) return refused(Answer::no, "no HELO was said");
  if (helo.front() == '[') {
    if (parse_literal(helo) == ip) return verified();
    return refused(Answer::no, "the HELO literal is not the client's address");
  }
  if (helo.ends_with('.')) helo.remove_suffix(1);
  const HostNames& known = names();
  for (const std::string& name : known.names)
    if (base::equal_nocase(name, helo)) return verified();
  AddressMatch match = leads_to(helo, *ip, ask);
  if (match.answer == Answer::yes) return verified();
  if (match.answer == Answer::defer || known.state == HostNames::State::deferred)
    return refused(Answer::no, "the HELO name could not be looked up now");
  return refused(Answer::no, "the HELO name does not lead to the client's address");
}

policy::CheckResult verify_reverse(const HostNames& names) {
  switch (names.state) {
    case HostNames::State::found:
      return verified();
    case HostNames::State::deferred:
      return refused(Answer::defer, "the client's name could not be looked up now");
    default:
      return refused(Answer::no, "no name of the client leads back to its address");
  }
}

policy::CheckResult verify_csa() {
  auto result = refused(Answer::no, "client SMTP authorization is not looked for");
  result.word = "unknown";
  return result;
}

}  // namespace receiver
