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

// Does the router want local deliveries to be somebody else's than ours, by user, group
// or check_local_user?  A transport that names its user counts more than this.
bool delivers_as_another(const policy::Driver& router, std::string_view local_part);

}  // namespace qrunner
