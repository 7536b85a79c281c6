// SPDX-License-Identifier: Apache-2.0
//
// Verifying addresses by routing them (spec/policy.md 10.6).
//
// For the contexts of programs: what `verify = recipient` and `verify = sender` mean
// where no callout is asked for.
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

}  // namespace policy
