// SPDX-License-Identifier: Apache-2.0
//
// Which options of a transport ask for more than a queue run does (Exim manual,
// "Generic options for transports" and the chapters on appendfile, queuefile and smtp).
//
// To pass over an option that makes mail safer or different would be wrong mail sent
// well, so who goes by such a transport is left for Exim.  Options of speed, of logs
// and of what a maildir has no part in, as locks, are none of these.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/options.h"

namespace qrunner {

// The first option of `transport` that is set and not served.  Set to its default, or
// to what means "no", it asks for nothing.
std::optional<std::string> unserved(const policy::Driver& transport);
// The option by which `router` wants its local deliveries made by another user.
std::optional<std::string> unserved_user(const policy::Driver& router);

}  // namespace qrunner
