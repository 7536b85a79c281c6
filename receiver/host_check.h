// SPDX-License-Identifier: Apache-2.0
//
// What the DNS says about a host: the names of an address that lead back to it, and the
// addresses of a name (spec/policy.md 9.5; Exim manual, "Host checking options").
//
// All is decided over a function that answers questions, so nothing here waits by
// itself.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/resolver.h"
#include "policy/context.h"
#include "receiver/facts.h"

namespace receiver {

// As net::Resolver::ask.
using Ask = std::function<base::Result<net::DnsRecords>(std::string_view type,
                                                        std::string_view name)>;

// The names in the PTR records of a numeric address that lead back to it, in the order
// in which they came; no more than the first ten records are looked at.  Never
// State::unasked.
HostNames find_host_names(std::string_view address, const Ask& ask);

// IPv4 addresses first.  None: there is no such name, or it cannot be one.
// Code::temporary if neither family is known for sure.
base::Result<std::vector<std::string>> addresses_of(std::string_view name,
                                                    const Ask& ask);

}  // namespace receiver
