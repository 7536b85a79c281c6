// SPDX-License-Identifier: Apache-2.0
//
// Hosts that a policy names itself (spec/policy.md 13.4; Exim manual, "The manualroute
// router").
//
// Rules are parsed with the policy, their host parts as templates.  What those come to,
// and what route_data comes to, is data: it is cut into hosts and options and never
// expanded again.
#pragma once

#include "policy/options.h"

namespace policy {

// Turns the router's option route_list into Driver::routes, or complains.
void parse_route_list(Driver& router, Parsing& parsing);

}  // namespace policy
