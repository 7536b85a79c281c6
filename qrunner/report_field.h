// SPDX-License-Identifier: Apache-2.0
//
// Text of strangers in our reports: fields and paragraphs that no byte can break.
//
// A line end in a diagnostic would begin a field of its own, an empty line would end
// the group; so control bytes never pass, lines are folded below the 998 bytes of RFC
// 5322 section 2.1.1, and a folded line is never blank.
#pragma once

#include <string>
#include <string_view>

namespace qrunner {

// What bytes above 127 become: question marks, or what they are where they are UTF-8.
enum class Letters : unsigned char { ascii, utf8 };

bool is_ascii(std::string_view text);

// On one line: line ends and tabs are blanks, runs of blanks one, other control bytes
// question marks.
std::string clean_line(std::string_view text, Letters letters);

// "Name: value" with its LF, folded at blanks after some 78 bytes and anywhere before
// 998.
std::string format_field(std::string_view name, std::string_view value,
                         Letters letters);

// The text in lines of some 76 bytes, each behind `indent`.
std::string wrap(std::string_view text, std::string_view indent, Letters letters);

// Cut to `most` bytes, between two characters.
std::string_view cut_text(std::string_view text, std::size_t most);

// A header line of somebody's message, as it came but for what would make it more than
// one header or longer than a line may be.
std::string returned_header(std::string_view text);

}  // namespace qrunner
