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
#include <string_view>

#include "policy/outcome.h"
#include "policy/template.h"

namespace policy {

// What `path` comes to; an error says which value is unsafe, and where.
Outcome<std::string> expand_path(const Template& path, Evaluation& evaluation);
// The same as a view, of the template itself if that is only a literal, else of
// `buffer`.
Outcome<std::string_view> expand_path_view(const Template& path, Evaluation& evaluation,
                                           std::string& buffer);

}  // namespace policy
