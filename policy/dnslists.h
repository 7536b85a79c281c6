// SPDX-License-Identifier: Apache-2.0
//
// DNS lists: `dnslists = [txt.domain,]domain[=filter][/key:key]` (spec/policy.md 10.8;
// RFC 5782).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/ip.h"

namespace policy {

// The zone to ask and which of its answers count.
struct DnsZone {
  std::string txt_domain;  // asked for the text; the domain itself if none was given
  std::string domain;
  enum class Filter : std::uint8_t { none, equal, bits } filter = Filter::none;
  bool all = false;      // each address must fit, not only one
  bool negated = false;  // addresses must not fit
  std::vector<Ip> addresses;

  // Does an answer with these addresses count?
  bool counts(const std::vector<Ip>& answer) const;
};

// "zen.example=127.0.0.2,127.0.0.3".  Code::syntax says what is wrong.
base::Result<DnsZone> parse_dns_zone(std::string_view text);

// What is asked in front of the domain: an address reversed, a name as it is.
std::string dns_list_label(std::string_view key);

}  // namespace policy
