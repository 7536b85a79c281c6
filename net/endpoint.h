// SPDX-License-Identifier: Apache-2.0
//
// An IP address and a TCP port, as text: "127.0.0.1:25", "[::1]:25".
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace net {

struct Endpoint {
  std::string address;  // numeric, no brackets
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

// "ADDR:PORT" or "[V6]:PORT", numeric.  Code::usage with the remedy.
base::Result<Endpoint> parse_endpoint(std::string_view text);
std::string format_endpoint(const Endpoint& endpoint);

// "HOST", "HOST:PORT", "[V6]:PORT": names looked up with getaddrinfo(3), so this may
// block: for a program's start.  Code::temporary or not_found.
base::Result<std::vector<Endpoint>> resolve(std::string_view text,
                                            std::uint16_t usual_port);

// The addresses of this machine's interfaces, numeric, without scope.
std::vector<std::string> interface_addresses();

}  // namespace net
