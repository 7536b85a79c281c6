// SPDX-License-Identifier: Apache-2.0
#include "qrunner/report_field.h"

#include <algorithm>

namespace qrunner {

namespace {

constexpr std::size_t kNiceLine = 78;
constexpr std::size_t kLongestLine = 990;

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

// The bytes of the UTF-8 character that `text` begins with; 0 if it is none.  C1
// control characters are none either.
std::size_t character_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  std::size_t length = 0;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!continues(text[i])) return 0;
  bool overlong =
      (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  bool none = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
  bool control = first == 0xc2 && byte(1) < 0xa0;
  return overlong || none || control ? 0 : length;
}

// Where to break a line that may have `nice` bytes and must have no more than `most`:
// at the last blank that leaves something in front of it, else at the next one.
std::size_t break_point(std::string_view text, std::size_t nice, std::size_t most) {
  if (text.size() <= nice) return text.size();
  std::size_t blank = text.rfind(' ', nice);
  if (blank == text.npos || blank <= text.find_first_not_of(" \t"))
    blank = text.find(' ', nice);
  if (blank != text.npos && blank <= most) return blank;
  return cut_text(text, most).size();
}

// Takes clean text apart into lines; the blank at a break is dropped.
template <class Each>
void for_each_folded(std::string_view text, std::size_t first_nice, std::size_t nice,
                     Each each) {
  for (std::size_t room = first_nice; !text.empty(); room = nice) {
    std::size_t at = break_point(text, room, kLongestLine - kNiceLine);
    each(text.substr(0, at));
    text.remove_prefix(at);
    if (text.starts_with(' ')) text.remove_prefix(1);
  }
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) > 127; });
}

std::string clean_line(std::string_view text, Letters letters) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char c = text.front();
    std::size_t length = 1;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else if (c > ' ' && c < 0x7f) {
      out += c;
    } else if (length = letters == Letters::utf8 ? character_length(text) : 0;
               length > 0) {
      out += text.substr(0, length);
    } else {
      out += '?';
      length = 1;
    }
    text.remove_prefix(length);
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string format_field(std::string_view name, std::string_view value,
                         Letters letters) {
  std::string clean = clean_line(value, letters);
  std::string out = std::string(name) + ":";
  std::size_t used = out.size() + 1;
  for_each_folded(clean, kNiceLine - std::min(used, kNiceLine / 2), kNiceLine - 1,
                  [&](std::string_view line) {
                    if (out.size() >= used) out += '\n';
                    out.append(" ").append(line);
                  });
  return out + "\n";
}

std::string wrap(std::string_view text, std::string_view indent, Letters letters) {
  std::string out;
  std::string clean = clean_line(text, letters);
  std::size_t nice = kNiceLine - 2 - std::min(indent.size(), kNiceLine / 2);
  for_each_folded(clean, nice, nice, [&](std::string_view line) {
    out.append(indent).append(line).append("\n");
  });
  return out;
}

std::string_view cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && most - end < 4 && continues(text[end])) --end;
  return text.substr(0, end);
}

std::string returned_header(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    if (!out.empty() && line[0] != ' ' && line[0] != '\t') out += ' ';
    while (!line.empty()) {
      // A blank may stand at the break, so the pieces together are the line.
      std::size_t at = break_point(line, kLongestLine - 1, kLongestLine - 1);
      std::string piece(line.substr(0, at));
      std::ranges::replace(piece, '\r', '?');
      std::ranges::replace(piece, '\0', '?');
      out.append(piece).append("\n");
      line.remove_prefix(at);
      if (line.find_first_not_of(" \t") == line.npos) break;
      if (line[0] != ' ' && line[0] != '\t') out += ' ';
    }
  }
  return out;
}

}  // namespace qrunner
