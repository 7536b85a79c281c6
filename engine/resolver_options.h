// SPDX-License-Identifier: Apache-2.0
//
// How the main options want the DNS asked: dns_servers, dns_trust_anchors, dns_retrans,
// dns_retry and dns_dnssec_ok.
#pragma once

#include "net/resolver.h"
#include "policy/options.h"

namespace engine {

// One question waits for `dns_retrans` (5s), and again as often as `dns_retry` (1)
// says.
net::Resolver::Options resolver_options(const policy::Options& main);

}  // namespace engine
