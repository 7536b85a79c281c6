// SPDX-License-Identifier: Apache-2.0
//
// Backslash escapes, the same in quoted options, templates and quoted data
// (spec/policy.md section 4.1; Exim manual, "Literal text in expanded strings").
#pragma once

#include <string_view>

namespace policy {

// Takes what follows a backslash off the front of `text`, which is not empty, and
// returns the byte it stands for.
char take_escape(std::string_view& text);

}  // namespace policy
