// SPDX-License-Identifier: Apache-2.0
//
// One text after the other is expanded with one context, as exim -be does it: what one
// sets, the next ones see.
//
// Lines are read and answered as many as are there at once, and a text that comes again
// is parsed once.  When lines come by the hundred, all processors work on them, ahead
// of their turn: nearly no text asks for what another one may have set, and one that
// does waits until it is its turn.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/policy.h"
#include "policy/scripted_context.h"

namespace utils {

using Answer = std::function<base::Result<void>(std::string_view answers)>;

// One line for each text, given to `answer`.  False: some have no value.
base::Result<bool> expand_each(const policy::Policy& policy,
                               policy::ScriptedContext& context, bool json,
                               std::span<const std::string> texts,
                               const Answer& answer);

// Whole lines, as many as are there, at least one; without its newline only the last of
// all can be.  Nothing: there are no more.
using Block = std::optional<std::string>;

// The same for lines, with the answers to each block as soon as they are there.
base::Result<bool> expand_lines(const policy::Policy& policy,
                                policy::ScriptedContext& context, bool json,
                                const std::function<base::Result<Block>()>& source,
                                const Answer& answer);

}  // namespace utils
