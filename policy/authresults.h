// SPDX-License-Identifier: Apache-2.0
//
// ${authresults}: what was found out about a message, as a header (spec/policy.md
// chapter 5; RFC 8601).
#pragma once

#include <string>
#include <string_view>

#include "policy/context.h"
#include "policy/outcome.h"

namespace policy {

Outcome<std::string> authentication_results(std::string_view host, Context& context);

}  // namespace policy
