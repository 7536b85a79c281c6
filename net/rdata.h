// SPDX-License-Identifier: Apache-2.0
//
// What stands in DNS records, as zone files write it, and the names of types and hosts
// (RFC 1035 sections 3 and 5.1; RFC 2782, RFC 3597, RFC 6698).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace net {

// "mx", "MX", "15", "type15"; nothing for one we do not know.
std::optional<std::uint16_t> parse_record_type(std::string_view text);

// Letters, digits, hyphens, underscores and dots, within the lengths of RFC 1035; a
// final dot is taken.  A name of IDNA must come as A-labels.
bool is_dns_name(std::string_view name);

// The fields of one record: {"10", "mx.example.net"}.  Names are uncompressed, in small
// letters, without the final dot, odd octets in them escaped; strings are their bytes
// alone.  What we do not know is {"\\#", "2", "c0de"}.  Nothing for octets that are no
// record of that type.
std::optional<std::vector<std::string>> parse_rdata(std::uint16_t type,
                                                    std::string_view bytes);

// "4.3.2.1.in-addr.arpa", for the PTR record of a numeric address; "" for anything
// else.
std::string reverse_name(std::string_view address);

}  // namespace net
