// SPDX-License-Identifier: Apache-2.0
//
// Text made safe for another reader: a terminal, a pattern, a header field
// (spec/policy.md section 6).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace policy {

// Non-printing bytes as \n, \t or octal.  Tab stays; bytes from 0x80 on stay only if
// `top_bit_prints` (the main option print_topbitchars).
std::string escape(std::string_view text, bool top_bit_prints);
// Only backslash and bytes from 127 on, in octal.
std::string escape_8bit(std::string_view text);
// Bytes outside 0x21 to 0x7e as \xhh.
std::string hex_quote(std::string_view text);
// A backslash before all but ASCII letters and digits: a pattern for just this text.
std::string regex_quote(std::string_view text);
// In double quotes unless it consists of letters, digits and _ - . alone.
std::string quote_text(std::string_view text);
// In double quotes if RFC 5321 wants them.
std::string quote_local_part(std::string_view text);

// A header field's value folded at blanks: no line longer than `columns`, if there are
// blanks enough; and none longer than `limit` (0: any), by force.
std::string wrap_header(std::string_view text, std::size_t columns, std::size_t limit);

}  // namespace policy
