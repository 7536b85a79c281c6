// SPDX-License-Identifier: Apache-2.0
//
// From the domains of a message to the sites it goes to: its legs.
//
// A site is what may share a connection, whatever the domains are called.  Today a
// smarthost is the one site of all domains; routers will answer the same question.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/endpoint.h"

namespace qrunner {

using SiteIndex = std::uint32_t;

struct Site {
  std::string name;                  // as H= shows it
  std::vector<net::Endpoint> hosts;  // to be tried in this order
  std::string router, transport;     // as R= and T= show them
};

// Domain, in any case, to its site.
using SiteOf = std::function<SiteIndex(std::string_view domain)>;

// What stands behind the last at sign; empty if there is none.
std::string_view domain_of(std::string_view address);

// The distinct sites of the addresses, each once.
std::vector<SiteIndex> legs(const std::vector<std::string_view>& addresses,
                            const SiteOf& site_of);

// The site of --smarthost HOST[:PORT].  Asks the system's resolver, so it may block.
base::Result<Site> smarthost_site(std::string_view host_and_port);

}  // namespace qrunner
