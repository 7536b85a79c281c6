// SPDX-License-Identifier: Apache-2.0
//
// "name = value" lines and what values look like (spec/policy.md section 2.4; Exim
// manual, "Common option syntax").  The same for main, router and transport options.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

// One option line taken apart, nothing of it judged.  A "hide" before the name, which
// keeps the value out of listings, is read over: nothing lists values.
struct OptionLine {
  std::string name;                  // as written: it may begin with no_ or not_
  std::optional<std::string> value;  // quotes removed; none: no '=' followed
};

// These fail with Code::config and say what to write.
base::Result<OptionLine> parse_option_line(std::string_view line);

// "yes" "no" "true" "false", in any case.
base::Result<bool> parse_boolean(std::string_view text);
// Decimal, 0x..., or octal from a leading zero; then k, m or g for powers of 1024.
base::Result<std::uint64_t> parse_integer(std::string_view text);
// "5m", "1d12h": number and unit (w d h m s) once or more; never a bare number.
base::Result<std::chrono::seconds> parse_time(std::string_view text);
// The text between the quotes of `text`, escapes undone; it must end with the quote.
base::Result<std::string> parse_quoted(std::string_view text);

}  // namespace policy
