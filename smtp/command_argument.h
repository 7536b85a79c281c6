// SPDX-License-Identifier: Apache-2.0
//
// What follows a command's name, as policies see it in $smtp_command_argument.
#pragma once

#include <string_view>

namespace smtp {

// Without blanks at its ends.  FROM: and TO: belong to the names, as they do for Exim:
// the argument of "MAIL FROM:<a@b.example> SIZE=1" is "<a@b.example> SIZE=1".
std::string_view command_argument(std::string_view line);

}  // namespace smtp
