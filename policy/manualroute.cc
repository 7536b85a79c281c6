// SPDX-License-Identifier: Apache-2.0
#include "policy/manualroute.h"

namespace policy {

void parse_route_list(Driver&, Parsing&) {}

}  // namespace policy
