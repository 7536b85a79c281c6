// SPDX-License-Identifier: Apache-2.0
#include "policy/option_value.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/text.h"
#include "policy/source.h"

namespace policy {
namespace {

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::config, std::move(text));
}

// Up to `most` digits of `base` off the front of `text`; 0 if there is none.
char take_byte(std::string_view& text, std::size_t most, int base) {
  unsigned value = 0;
  const char* end = text.data() + std::min(most, text.size());
  auto stop = std::from_chars(text.data(), end, value, base).ptr;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return static_cast<char>(value);  // \777 keeps its low eight bits, as in Exim
}

// What follows a backslash (section 4.1).
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

}  // namespace

base::Result<OptionLine> parse_option_line(std::string_view line) {
  OptionLine option;
  std::string_view name = line.substr(0, name_length(line));
  std::string_view rest = trimmed(line.substr(name.size()));
  if (name == "hide" && !rest.empty() && is_name_char(rest[0])) {
    name = rest.substr(0, name_length(rest));
    rest = trimmed(rest.substr(name.size()));
  }
  option.name = name;
  if (name.empty())
    return wrong(quote(line.substr(0, 40)) +
                 " is not an option: write 'name = value', or '#' before a comment");
  if (rest.empty()) return option;
  if (rest[0] != '=')
    return wrong("'=' is missing after " + quote(name) + ": write '" +
                 std::string(name) + " = value'");
  rest = trimmed(rest.substr(1));
  if (rest.starts_with('"'))
    option.value = TRY(parse_quoted(rest));
  else
    option.value = std::string(rest);
  return option;
}

base::Result<bool> parse_boolean(std::string_view text) {
  if (base::equal_nocase(text, "yes") || base::equal_nocase(text, "true")) return true;
  if (base::equal_nocase(text, "no") || base::equal_nocase(text, "false")) return false;
  return wrong(quote(text) +
               " is neither true nor false: write yes, no, true or false");
}

base::Result<std::uint64_t> parse_integer(std::string_view text) {
  auto bad = [&] {
    return wrong(quote(text) +
                 " is not an integer: write a number such as 500, 0x1f4, 10k or 50M");
  };
  std::string_view digits = text;
  unsigned shift = 0;
  if (!text.empty()) {
    char suffix = base::to_lower(text.back());
    shift = suffix == 'k' ? 10 : suffix == 'm' ? 20 : suffix == 'g' ? 30 : 0;
    if (shift > 0) digits.remove_suffix(1);
  }
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0') {
    base = 8;
  }
  std::uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  auto [stop, error] = std::from_chars(digits.data(), end, number, base);
  if (digits.empty() || error != std::errc() || stop != end) return bad();
  if (number > (std::numeric_limits<std::uint64_t>::max() >> shift)) return bad();
  return number << shift;
}

base::Result<std::chrono::seconds> parse_time(std::string_view text) {
  auto span = base::parse_span(text);
  if (!span || base::is_digit(text.back()))
    return wrong(quote(text) + " is not a time: write 45s, 5m, 2h, 1d12h or 1w");
  return *span;
}

base::Result<std::string> parse_quoted(std::string_view text) {
  std::string out;
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '\\' && !text.empty()) {
      c = take_escape(text);
      if (c == '\0')
        return wrong("an escape in the quoted string stands for a NUL: remove it");
    }
    out += c;
  }
  if (text.empty())
    return wrong("the closing quote is missing: write '\"' at the end of the value");
  text.remove_prefix(1);
  if (!trimmed(text).empty())
    return wrong(
        quote(trimmed(text)) +
        " follows the closing quote: write '\\\"' for a quote inside the value");
  return out;
}

}  // namespace policy
