// SPDX-License-Identifier: Apache-2.0
//
// "name = value" lines and what values look like (spec/policy.md section 2.4; Exim
// manual, "Common option syntax").  The same for main, router and transport options.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/source.h"

namespace policy {

// One option line taken apart, nothing of it judged.
struct OptionLine {
  std::string name;     // as written: it may begin with no_ or not_
  Origin origin;        // of the name
  bool hidden = false;  // "hide" stood before it: keep the value out of listings
  std::optional<SourceText> value;  // quotes removed; none: no '=' followed
};

// All of these say what to write instead.
std::expected<OptionLine, Diagnostic> parse_option_line(const SourceText& line);

// "yes" "no" "true" "false", in any case.
base::Result<bool> parse_boolean(std::string_view text);
// Decimal, 0x..., or octal from a leading zero; then k, m or g for powers of 1024.
base::Result<std::uint64_t> parse_integer(std::string_view text);
// "5m", "1d12h": number and unit (w d h m s) once or more; never a bare number.
base::Result<std::chrono::seconds> parse_time(std::string_view text);
// At most three decimals: "1.5".
base::Result<double> parse_fixed(std::string_view text);
// The text between the quotes of `text`, escapes undone; it must end with the quote.
std::expected<SourceText, Diagnostic> parse_quoted(const SourceText& text);
// `item` as a list of one, whatever it holds: a separator that is not in it goes first.
SourceText as_one_item(const SourceText& item);

}  // namespace policy
