// SPDX-License-Identifier: Apache-2.0
//
// The hosts of a site as addresses to connect to, in the order in which they are tried,
// and what the transport wants of a connection to each (Exim manual, "The smtp
// transport"; spec/queue-run.md 8.1).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hints/retry_key.h"
#include "net/client.h"
#include "net/endpoint.h"
#include "qrunner/route_phase.h"
#include "qrunner/sites.h"

namespace qrunner {

struct Candidate {
  std::string name;  // as H= shows it
  net::Endpoint endpoint;
  bool secure_dns = false;
  bool again = false;  // another address of the name was passed over: see Site::passed

  bool operator==(const Candidate&) const = default;
};

// A number from 0 up to, but not including, `below`.
using Dice = std::function<std::size_t(std::size_t below)>;

// By rank, then IPv6 before IPv4, hosts of a rank in any order; an address only once.
std::vector<Candidate> candidates(const Site& site, const Names& names,
                                  const Dice& dice);

// Does the site pass over an address of that name?
bool passes_over(const Site& site, const std::string& name, std::uint16_t port,
                 const Names& names);

// How retry records know a host of the site.  Borrows.
hints::HostItem host_item(const Site& site, std::string_view name,
                          const net::Endpoint& host, const RetryBook& retries);

// What the transport's options say about this host.  Code::config: an option cannot be
// evaluated.
base::Result<net::Client::Options> client_options(const Site& site,
                                                  const Candidate& host,
                                                  RoutePhase& routes,
                                                  net::TlsClientSessions& sessions);

}  // namespace qrunner
