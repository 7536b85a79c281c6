// SPDX-License-Identifier: Apache-2.0
//
// Bytes as other bytes and back: hex, base64 and its lesser kin (spec/policy.md section
// 6; RFC 4648).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

enum class HexCase { lower, upper };
std::string to_hex(std::string_view bytes, HexCase letters = HexCase::lower);
// Code::syntax for an odd number of characters, or one that is no digit.
base::Result<std::string> from_hex(std::string_view text);

std::string to_base64(std::string_view bytes);
// White space is ignored, padding is not optional.  Code::syntax.
base::Result<std::string> from_base64(std::string_view text);

// Numbers in a-z2-7: nothing for 0, as short as can be.
std::string to_base32(std::uint64_t number);
base::Result<std::uint64_t> from_base32(std::string_view text);
// Numbers in 0-9A-Za-z: six digits at least.
std::string to_base62(std::uint64_t number);
base::Result<std::uint64_t> from_base62(std::string_view text);

}  // namespace policy
