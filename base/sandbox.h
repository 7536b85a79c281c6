// SPDX-License-Identifier: Apache-2.0
//
// What a process takes from itself, so that whoever takes it over has little: files
// (Landlock, landlock(7)) and system calls (seccomp(2), through libseccomp).
//
// There is no way back, and what is started later inherits it.  Files are taken from
// the calling thread alone: come here before there are others.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "base/result.h"

namespace base {

// Neither this process nor what it starts gets new privileges by set-user-id programs
// and the like: prctl(2).  Both functions below need it.
Result<void> give_up_new_privileges();

struct FileRule {
  enum class Access {
    read,    // files and lists of directories
    run,     // and programs
    change,  // everything: what the kernel adds to this in later versions, too
  };
  std::filesystem::path path;  // and all below it; what is not there needs no rule
  Access access = Access::read;
};

// No other files from now on, and no signals to processes outside.  False: this kernel
// has no Landlock, or was started without it.
Result<bool> restrict_files(std::span<const FileRule> rules);

// System calls by their names; a name that this machine does not have is no error.
using CallNames = std::vector<const char*>;

struct CallRules {
  // What is in neither list.  `unknown` looks like an older kernel (ENOSYS): libraries
  // know how to do without.
  enum class Others { permitted, unknown } others = Others::permitted;
  CallNames permitted{};
  CallNames refused{};             // EACCES
  bool only_unix_sockets = false;  // socket(2) for anything else: refused
};

// For all threads.
Result<void> restrict_calls(const CallRules& rules);

// Sanitizers look at memory maps, trace their own process at its end, and more: whoever
// makes rules leaves that to them.
bool has_sanitizer();

}  // namespace base
