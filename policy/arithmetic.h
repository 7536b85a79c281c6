// SPDX-License-Identifier: Apache-2.0
//
// Whole numbers in the policy language: the sums of ${eval} and the numbers of
// conditions (spec/policy.md sections 4.7 and 6; Exim manual, "Expansion operators").
//
// Everything is exact in 64 bits: a sum that does not fit is an error, never a wrapped
// result.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

// What numbers in ${eval} look like: 0x and leading zeros mean something, or nothing.
enum class Radix { as_written, decimal };

base::Result<std::int64_t> evaluate_sum(std::string_view text, Radix radix);

// The argument of a numeric condition: blanks, sign, digits, k, m or g; empty is 0.
base::Result<std::int64_t> parse_number(std::string_view text);

// An optional minus sign and digits, nothing else; nothing if it is not that.  A number
// beyond 64 bits counts as the largest: as an index it is beyond everything, too.
std::optional<std::int64_t> plain_integer(std::string_view text);

// "1w1d1h1m1s", parts that are zero left out; "0s".
std::string format_interval(std::chrono::seconds time);

}  // namespace policy
