// SPDX-License-Identifier: Apache-2.0
//
// Patterns that are known only when the policy runs, and those of expressions, which
// may come again and again: compiled once, as long as they are in use (spec/policy.md
// 19.5).
#pragma once

#include <memory>
#include <string_view>

#include "base/regex.h"
#include "policy/outcome.h"

namespace policy {

// From the least recently used ones of this thread, a bounded number of them.  An error
// if it is no regular expression.
Outcome<std::shared_ptr<const base::Regex>> compiled(
    std::string_view pattern, base::Regex::Case letters = base::Regex::Case::sensitive);

}  // namespace policy
