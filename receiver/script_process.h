// SPDX-License-Identifier: Apache-2.0
//
// One DATA-stage script as a process: its limits, its end, and the end of all that it
// started (spec/smtp-features.md 13.5).  Runs in a process of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "receiver/script_config.h"
#include "receiver/script_verdict.h"

namespace receiver {

struct ScriptUser {
  uid_t uid;
  gid_t gid;
};

struct ScriptJob {
  const ScriptConfig& config;
  const Script& script;
  uid_t admin;                           // whose executables are trusted
  std::optional<ScriptUser> user;        // nothing: the one we are
  std::filesystem::path directory;       // for its working directory
  std::vector<std::string> environment;  // all of it
  int input, message;                    // its descriptors 0 and 3
  int channel;                           // closed at the other end: stop
};

// Runs it to its end and nothing of it is left.  The calling process must be
// single-threaded, have no other children, and become their reaper.
ScriptExit run_script(const ScriptJob& job);

}  // namespace receiver
