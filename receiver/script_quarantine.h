// SPDX-License-Identifier: Apache-2.0
//
// Copies of messages that a script wants kept: <id>.<script>.eml and .json, 0600, the
// oldest dropped when there are too many (spec/smtp-features.md 13.4).
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "receiver/script_config.h"

namespace receiver {

// Keeps a copy of what `content` holds from its start.  Blocks.
base::Result<void> keep_copy(const ScriptConfig& config, std::string_view id,
                             std::string_view script, int content,
                             std::string_view json);

// Drops what is older than keep_age, then the oldest until keep_bytes hold.
base::Result<void> enforce_quota(const ScriptConfig& config, base::Time now);

}  // namespace receiver
