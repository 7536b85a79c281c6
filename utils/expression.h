// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a piece of the policy language that stands on a command line.
#pragma once

#include "base/result.h"
#include "policy/parsing.h"

namespace utils {

// Code::usage with all of it in one line, "column 7: ...; column 9: ...", if there is
// any.
base::Result<void> judge(const policy::Diagnostics& diagnostics);

}  // namespace utils
