// SPDX-License-Identifier: Apache-2.0
#include "smtp/xclient.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"
#include "smtp/command.h"
#include "smtp/params.h"

namespace smtp {

namespace {

constexpr std::string_view kUnavailable = "[UNAVAILABLE]";
constexpr std::string_view kTryAgain = "[TEMPUNAVAIL]";

bool is_unknown(std::string_view value) {
  return base::equal_nocase(value, kUnavailable) ||
         base::equal_nocase(value, kTryAgain);
}

bool prints(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

// "192.0.2.1", or "IPV6:2001:db8::1" as XCLIENT wants it; without the tag some proxies
// write it.  In the form inet_ntop gives.
std::optional<std::string> parse_address(std::string_view value) {
  constexpr std::string_view kTag = "IPV6:";
  const bool tagged = base::equal_nocase(value.substr(0, kTag.size()), kTag);
  std::string text(tagged ? value.substr(kTag.size()) : value);
  const int family = tagged || text.contains(':') ? AF_INET6 : AF_INET;
  unsigned char bytes[16];
  char canonical[INET6_ADDRSTRLEN];
  if (text.contains('\0') || ::inet_pton(family, text.c_str(), bytes) != 1)
    return std::nullopt;
  if (::inet_ntop(family, bytes, canonical, sizeof canonical) == nullptr)
    return std::nullopt;
  return canonical;
}

std::optional<std::uint16_t> parse_port(std::string_view value) {
  auto number = base::to_number(value);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

// One attribute; false if its value cannot be.
using Take = bool (*)(std::string_view value, ClaimedClient& client);

// Policy is asked about an address, so it cannot be unknown.
bool take_addr(std::string_view value, ClaimedClient& client) {
  auto address = parse_address(value);
  if (address) client.address = *address;
  return address.has_value();
}

bool take_name(std::string_view value, ClaimedClient& client) {
  using enum ClaimedClient::Name;
  client.name_state = base::equal_nocase(value, kTryAgain) ? try_again : unavailable;
  if (is_unknown(value)) return true;
  client.name_state = said;
  client.name = value;
  return !value.starts_with('[') && is_hello_name(value, "_");
}

bool take_port(std::string_view value, std::uint16_t& port) {
  auto number = is_unknown(value) ? 0 : parse_port(value);
  if (number) port = *number;
  return number.has_value();
}

bool take_login(std::string_view value, ClaimedClient& client) {
  if (is_unknown(value)) return true;
  client.login = decode_xtext(value);
  return client.login && prints(*client.login);
}

bool take_destaddr(std::string_view value, ClaimedClient& client) {
  if (is_unknown(value)) return true;
  auto address = parse_address(value);
  if (address) client.local_address = *address;
  return address.has_value();
}

struct Attribute {
  std::string_view name;
  Take take;
};

constexpr Attribute kAttributes[] = {
    {"ADDR", take_addr},
    {"NAME", take_name},
    {"PORT", [](std::string_view value,
                ClaimedClient& client) { return take_port(value, client.port); }},
    {"LOGIN", take_login},
    {"DESTADDR", take_destaddr},
    {"DESTPORT",
     [](std::string_view value, ClaimedClient& client) {
       return take_port(value, client.local_port);
     }},
};

}  // namespace

// xclient-command = "XCLIENT" 1*( SP attribute-name "=" attribute-value )
// attribute-value = xtext
std::expected<ClaimedClient, Reply> parse_xclient(std::string_view text) {
  const auto bad = std::unexpected(standard(Standard::bad_parameter));
  ClaimedClient client;
  unsigned seen = 0;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) break;
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    std::size_t equals = std::min(word.find('='), word.size());
    std::string_view name = word.substr(0, equals);
    if (equals + 1 >= word.size()) return bad;
    const auto* row =
        std::ranges::find_if(kAttributes, [&](const Attribute& attribute) {
          return base::equal_nocase(attribute.name, name);
        });
    if (row == std::end(kAttributes)) return bad;
    const unsigned bit = 1u << (row - kAttributes);
    if ((seen & bit) != 0) return bad;
    seen |= bit;
    auto value = decode_xtext(word.substr(equals + 1));
    if (!value) return bad;
    // LOGIN is kept in xtext until it is known not to be a [keyword].
    const bool raw = row->take == take_login;
    if (!row->take(raw ? word.substr(equals + 1) : *value, client)) return bad;
  }
  if (client.address.empty()) return bad;
  return client;
}

}  // namespace smtp
