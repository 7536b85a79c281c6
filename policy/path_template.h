// SPDX-License-Identifier: Apache-2.0
//
// File names made from templates (spec/policy.md 18.5): what strangers choose may name
// an entry of a directory, never another directory.
//
// A value that may carry data of the client, the message or the DNS stays inside the
// component it is written in: it may not be empty, "." or "..", nor hold '/' or NUL,
// and the component may not become "." or ".." by it.  What the policy's own files say,
// as $home or the answer of a lookup, may be a path.
#pragma once

#include <string>

#include "policy/outcome.h"
#include "policy/template.h"

namespace policy {

// What `path` comes to; an error says which value is unsafe, and where.
Outcome<std::string> expand_path(const Template& path, Evaluation& evaluation);

}  // namespace policy
