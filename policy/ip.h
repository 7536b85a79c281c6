// SPDX-License-Identifier: Apache-2.0
//
// IP addresses and networks as the policy language reads and writes them
// (spec/policy.md sections 6, 7 and 9.5; RFC 4291, RFC 5952).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

struct Ip {
  std::array<std::uint8_t, 16> bytes{};  // of a v4 address: the first four
  bool v6 = false;

  unsigned bits() const { return v6 ? 128 : 32; }
  bool operator==(const Ip&) const = default;
};

// isip, isip4, isip6: no blanks, mask or brackets; a v6 address may have a %scope,
// which is read over.
std::optional<Ip> parse_ip(std::string_view text);

struct IpNetwork {
  Ip address;         // as written: bits behind the mask may be set
  unsigned bits = 0;  // how many count
};

// "192.0.2.0/24", or an address alone, which is a network of one.  Code::syntax says
// what is wrong with it.
base::Result<IpNetwork> parse_network(std::string_view text);
// The same, but with a mask: what ${mask} takes.
base::Result<IpNetwork> parse_masked(std::string_view text);

Ip masked(const Ip& ip, unsigned bits);
// A v4 address in v6 clothes (::ffff:192.0.2.1) as v4, any other as it is.
Ip unmapped(const Ip& ip);
Ip mapped(const Ip& ip);
// Bits behind the mask are ignored; mapped addresses count as v4, on both sides.
bool contains(const IpNetwork& network, const Ip& ip);

// "192.0.2.1", "2001:db8::1".
std::string format_ip(const Ip& ip);
// v6 with all its digits: "2001:0db8:...:0001", or with dots as lookup keys have it.
std::string format_ip_full(const Ip& ip, char separator);
// "4.2.0.192", or 32 nibbles: as DNS lists are asked.
std::string format_ip_reversed(const Ip& ip);

}  // namespace policy
