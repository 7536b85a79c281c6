// SPDX-License-Identifier: Apache-2.0
//
// What the DNS says, as the policy language asks for it (spec/policy.md 9.5).
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

namespace policy {
struct Policy;
}

namespace engine {

// As net::Resolver::ask.
using Ask = std::function<base::Result<net::DnsRecords>(std::string_view type,
                                                        std::string_view name)>;

// IPv4 addresses first.  None: there is no such name, or it cannot be one.
// Code::temporary if neither family is known for sure.
base::Result<std::vector<std::string>> addresses_of(std::string_view name,
                                                    const Ask& ask);

// Context::dns() of a program: dns_again_means_nonexist counts.
policy::DnsAnswer answer(const policy::Policy& policy, policy::Context& context,
                         const Ask& ask, std::string_view type, std::string_view name);

}  // namespace engine
