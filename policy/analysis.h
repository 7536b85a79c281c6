// SPDX-License-Identifier: Apache-2.0
//
// What can be said only of a whole policy (spec/policy.md sections 17 and 19.4): in
// which phases each ACL runs and what may not be used there, where data of strangers
// can flow, what calls itself, what is set and never read.
#pragma once

#include "policy/parsing.h"
#include "policy/policy.h"
#include "policy/sections.h"

namespace policy {

// Fills Acl::phases, sets what `gathered` only proposed, complains there.  `lists` are
// the named lists as they were written.
void analyse(Policy& policy, std::span<const NamedListLine> lists, Parsing& gathered);

}  // namespace policy
