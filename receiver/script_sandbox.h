// SPDX-License-Identifier: Apache-2.0
//
// What a DATA-stage script is kept from by the kernel: new privileges, other files than
// its own (Landlock, where the kernel has it), other processes and the network
// (seccomp).
#pragma once

#include <filesystem>

#include "base/result.h"
#include "receiver/script_config.h"

namespace receiver {

// In the script's process, before its program starts; there is no way back.
base::Result<void> enter_sandbox(const ScriptConfig& config, const Script& script,
                                 const std::filesystem::path& directory);

}  // namespace receiver
