// SPDX-License-Identifier: Apache-2.0
#include "hints/retry_key.h"

#include <arpa/inet.h>

#include "base/text.h"

namespace hints {

namespace {

bool is_address(std::string_view text) {
  in6_addr ignored{};
  std::string name(text);
  return ::inet_pton(AF_INET, name.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), &ignored) == 1;
}

std::string in_brackets(std::string_view text) {
  return "[" + std::string(text) + "]";
}

// Of a mail address, the domain alone is without case.
std::string with_lower_domain(std::string_view address) {
  auto at = address.rfind('@');
  auto domain = at == address.npos ? 0 : at + 1;
  return std::string(address.substr(0, domain)) + base::lower(address.substr(domain));
}

}  // namespace

std::string host_key(const HostItem& host) {
  if (host.name.starts_with('/')) return "T:" + std::string(host.name);
  std::string key =
      "T:" + (is_address(host.name) ? in_brackets(host.name) : base::lower(host.name));
  if (!host.address.empty())
    key += ":" + (host.address.contains(':') ? in_brackets(host.address)
                                             : std::string(host.address));
  if (host.port != 25) key += ":" + std::to_string(host.port);
  if (!host.interface.empty()) key += "/" + std::string(host.interface);
  return key;
}

std::string message_key(const HostItem& host, std::string_view message_id) {
  return host_key(host) + ":" + std::string(message_id);
}

std::string domain_key(std::string_view domain) {
  return "R:" + base::lower(domain);
}

std::string address_key(std::string_view address) {
  return "R:" + with_lower_domain(address);
}

std::string recipient_key(std::string_view address, std::string_view sender) {
  return address_key(address) + ":<" + std::string(sender) + ">";
}

std::string local_key(std::string_view address) {
  return "T:" + with_lower_domain(address);
}

std::string generated_key(std::string_view pipe_or_file, std::string_view parent) {
  return "T:" + std::string(pipe_or_file) + ":" + std::string(parent);
}

bool mentions(std::string_view key, std::string_view word) {
  if (word.empty()) return false;
  if (base::equal_nocase(key, word)) return true;
  constexpr std::string_view kBefore = ":@<[|", kAfter = ":>]/";
  for (std::size_t at = 1; at + word.size() <= key.size(); ++at) {
    if (!base::equal_nocase(key.substr(at, word.size()), word)) continue;
    auto end = at + word.size();
    if (kBefore.contains(key[at - 1]) &&
        (end == key.size() || kAfter.contains(key[end])))
      return true;
  }
  return false;
}

bool concerns_host(std::string_view key, std::string_view name,
                   std::string_view address) {
  if (mentions(key, address)) return true;
  std::string of_all = host_key({.name = name, .address = ""});
  if (name.empty() || !key.starts_with(of_all)) return false;
  std::string_view rest = key.substr(of_all.size());
  if (!rest.starts_with(':')) return rest.empty() || rest.starts_with('/');
  rest = rest.substr(1, rest.find_first_of(":/", 1) - 1);  // an address or what else?
  return !rest.starts_with('[') && !is_address(rest);
}

}  // namespace hints
