// SPDX-License-Identifier: Apache-2.0
//
// What the DNS says about a host: the names of an address that lead back to it
// (spec/policy.md 9.5; Exim manual, "Host checking options").
//
// All is decided over a function that answers questions, so nothing here waits by
// itself.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/dns_questions.h"
#include "receiver/facts.h"

namespace receiver {

// The names in the PTR records of a numeric address that lead back to it, in the order
// in which they came; no more than the first ten records are looked at.  Never
// State::unasked.
HostNames find_host_names(std::string_view address, const engine::Ask& ask);

}  // namespace receiver
