// SPDX-License-Identifier: Apache-2.0
//
// What the receiver leaves itself when it has started: the files it works with, and the
// system calls of a server that starts no programs (base/sandbox.h does it).
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/sandbox.h"
#include "policy/policy.h"

namespace receiver {

// The paths that a policy's text names, each up to its first expansion:
// "lsearch;/etc/mail/$domain/users" names /etc/mail.  In the order of their names.
std::vector<std::filesystem::path> paths_named_in(std::string_view text);

// To read: what libraries read, and the directories of all files that the policy names,
// for files are replaced by others of their name.  `changed`: to write, with all that
// is below.
std::vector<base::FileRule> files_needed(
    const policy::Policy& policy, const std::vector<std::filesystem::path>& changed);

base::CallRules calls_needed();

}  // namespace receiver
