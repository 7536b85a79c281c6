// SPDX-License-Identifier: Apache-2.0
//
// Text that knows where it came from.
//
// Macros, continuations and included files move bytes about before anything looks at
// them (spec/policy.md section 2.1), so each byte has an origin of its own.  They move
// in runs, and what is kept is one origin a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace policy {

struct Origin {
  std::uint32_t file = 0;    // index into Lines::files
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // from 1, of the use where a macro put the byte
  std::uint32_t macro = 0;  // index into Lines::macros, plus 1; 0: written as it stands
};

class SourceText {
 public:
  SourceText() = default;
  // One physical line.
  SourceText(std::string_view bytes, std::uint32_t file, std::uint32_t line);

  std::string_view bytes() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }
  // Where byte `offset` was written; for the end, where the last byte was.
  Origin origin(std::size_t offset = 0) const;
  // The `count` bytes from `offset` on, with their origins.
  SourceText part(std::size_t offset, std::size_t count = std::string_view::npos) const;

  void append(const SourceText& more) { append(more, 0, more.bytes_.size()); }
  // `count` bytes of `more` from `offset` on.
  void append(const SourceText& more, std::size_t offset, std::size_t count);
  // All of `text` with one origin: what a macro puts into a line.
  void append(std::string_view text, Origin origin);
  void remove_back(std::size_t count);
  // White space at both ends goes.
  void trim();

 private:
  struct Run {
    std::size_t begin;  // in bytes_; it ends where the next one begins
    Origin origin;      // of its first byte
    bool moves;         // each byte one column further, or all at one place
  };
  // The run that `offset` lies in.
  std::size_t run_at(std::size_t offset) const;

  std::string bytes_;
  std::vector<Run> runs_;  // none empty
};

// What is wrong, and what to write instead.
struct Diagnostic {
  Origin origin;
  std::string text;
};

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
// A letter, digit or underscore: what names of macros, options and sections are made
// of.
constexpr bool is_name_char(char c) {
  return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}
// How many name characters `text` starts with.
std::size_t name_length(std::string_view text);
std::string_view trimmed(std::string_view text);
// How messages show a word of the file: printable, in single quotes.
std::string quote(std::string_view word);

}  // namespace policy
