// SPDX-License-Identifier: Apache-2.0
//
// Verifying addresses by routing them, and what a client says of itself (spec/policy.md
// 10.6).
//
// For programs: what `verify = recipient` and `verify = sender` mean where no callout
// is asked for, and `verify = helo`, which a server may do without an ACL.
#pragma once

#include <string_view>

#include "policy/context.h"
#include "policy/routers.h"

namespace policy {

// Yes as soon as the address is delivered somewhere, or fans out; one child alone is
// followed, unless a redirection is success enough.  Sets $address_data, or
// $sender_address_data, to what the last router remembered.
CheckResult verify_address(const Policy& policy, std::string_view address,
                           RoutePurpose purpose, bool success_on_redirect,
                           Context& context);

// The HELO name is a literal of the client's address, one of its names, or a name that
// leads to its address.  Names are looked up only if need be; where a name server does
// not answer nothing is verified, as in Exim.
CheckResult verify_helo(Context& context);

}  // namespace policy
