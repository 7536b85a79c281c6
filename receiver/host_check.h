// SPDX-License-Identifier: Apache-2.0
//
// What the DNS says about the client: its names, and whether HELO tells the truth
// (spec/policy.md 9.5 and 10.6; Exim manual, "Host checking options" and "ACL
// conditions").
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

struct AddressMatch {
  policy::Answer answer = policy::Answer::no;
  bool authenticated = false;  // by DNSSEC
};
// Whether the name leads to the numeric address.
AddressMatch leads_to(std::string_view name, std::string_view address, const Ask& ask);

// `verify = helo`: a literal of the client's address, a name of the client, or a name
// that leads to its address.  `names` is asked only if need be.  A name server that
// does not answer verifies nothing: the answer is no, as in Exim.
policy::CheckResult verify_helo(std::string_view helo, std::string_view address,
                                const std::function<const HostNames&()>& names,
                                const Ask& ask);

// `verify = reverse_host_lookup`.
policy::CheckResult verify_reverse(const HostNames& names);

// `verify = csa`: we do not look for client SMTP authorization, so it is unknown.
policy::CheckResult verify_csa();

}  // namespace receiver
