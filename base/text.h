// SPDX-License-Identifier: Apache-2.0
//
// Small questions about bytes: printing, numbers, ASCII case, sizes and spans of time.
//
// Mail is bytes, not UTF-8, and no locale is ever asked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

// Control characters (C0, DEL, and C1 in UTF-8) and backslash as \n \r \t \\ or \ooo,
// so that no message can speak to a terminal.  Other bytes above 127 stay as they are.
std::string printable(std::string_view text);

// ASCII only.
constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string lower(std::string_view text);
bool equal_nocase(std::string_view a, std::string_view b);
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The whole text as a decimal number, no sign, no blanks; nothing if it is not one.
std::optional<std::uint64_t> to_number(std::string_view text);

// What scanf's %d takes, as Exim's readers do: blanks, a sign, digits.  Moves `text`
// behind them; nothing if there are no digits or they do not fit.
std::optional<std::int64_t> scan_number(std::string_view& text);

// "90" "10k" "5M" "2G" bytes, powers of 1024.  Code::usage with the remedy otherwise.
Result<std::uint64_t> parse_size(std::string_view text);

// "45s" "90m" "2h" "3d" "1w", and sums of them as "1h30m"; a bare number is seconds.
Result<std::chrono::seconds> parse_span(std::string_view text);

// RFC 3339 in UTC with six digits: "2026-11-21T10:43:00.680109Z".
std::string format_rfc3339(std::chrono::sys_time<std::chrono::microseconds> time);

// RFC 5322 section 3.3, in the local zone: "Sat, 21 Nov 2026 00:42:26 +0000".
std::string format_mail_date(std::chrono::sys_time<std::chrono::microseconds> time);

}  // namespace base
