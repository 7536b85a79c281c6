// SPDX-License-Identifier: Apache-2.0
//
// Where clients come in: an address of --listen, or a socket that the service manager
// has opened, and how conversations begin there.
#pragma once

#include <string_view>

#include "base/result.h"
#include "net/endpoint.h"

namespace receiver {

// What comes before the greeting.
struct Opening {
  bool proxy = false;  // a PROXY header, whoever it is
  bool tls = false;    // the handshake

  bool operator==(const Opening&) const = default;
};

struct Entrance {
  net::Endpoint at;
  Opening opening;

  bool operator==(const Entrance&) const = default;
};

// "ADDR:PORT[/smtps][/proxy]".  Code::usage with the remedy.
base::Result<Entrance> parse_entrance(std::string_view text);

// What FileDescriptorName= says: "smtp", "smtps", "submission", with "-proxy" behind
// it, or nothing of the kind, which is smtp.  Code::config.
base::Result<Opening> opening_of_socket(std::string_view name);

}  // namespace receiver
