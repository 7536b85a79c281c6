// SPDX-License-Identifier: Apache-2.0
#include "policy/escapes.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace policy {
namespace {

// Up to `most` digits of `base` off the front of `text`; 0 if there is none.
char take_byte(std::string_view& text, std::size_t most, int base) {
  unsigned value = 0;
  const char* end = text.data() + std::min(most, text.size());
  auto stop = std::from_chars(text.data(), end, value, base).ptr;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return static_cast<char>(value);  // \777 keeps its low eight bits, as in Exim
}

}  // namespace

char take_escape(std::string_view& text) {
  char c = text.front();
  if (c >= '0' && c <= '7') return take_byte(text, 3, 8);
  text.remove_prefix(1);
  switch (c) {
    case 'x':
      return take_byte(text, 2, 16);
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

}  // namespace policy
