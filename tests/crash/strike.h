// SPDX-License-Identifier: Apache-2.0
//
// A program that is struck down at the n-th thing it does to the disk (shim.cc).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace crash {

struct Strike {
  std::string how;  // "before", "power", "ENOSPC", "dead": shim.cc has the list
  long at = 0;      // from 1; 0: never
};

// `command` with the shim in it, watching what lies below `root`.  `report` is written
// anew.
support::Command under_shim(support::Command command, const std::filesystem::path& root,
                            const Strike& strike, const std::filesystem::path& report);

// The call that was struck, "7 rename input/hdr.1xUYvJ-0004Zg-2C"; nothing if the
// program ended before it got there.
std::optional<std::string> struck(const std::filesystem::path& report);
// How many calls were counted.
std::size_t calls(const std::filesystem::path& report);

// Which calls a test strikes, by their numbers: all of them for `before`, some for the
// other ways, each way its own; all when BOBBIN_CRASH_FULL is set.
struct Points {
  long first = 1;
  long step = 1;
};
Points points_of(const std::string& how);

// The ways to die: more of them when BOBBIN_CRASH_FULL is set, as scripts/crash-test
// does, than fit into the usual run of tests.
std::vector<std::string> ways_to_die();

}  // namespace crash
