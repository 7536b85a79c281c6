// SPDX-License-Identifier: Apache-2.0
#include "policy/option_value.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/text.h"
#include "policy/escapes.h"

namespace policy {
namespace {

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::config, std::move(text));
}

std::unexpected<Diagnostic> complaint(Origin origin, std::string text) {
  return std::unexpected(Diagnostic{origin, std::move(text)});
}

}  // namespace

std::expected<OptionLine, Diagnostic> parse_option_line(const SourceText& line) {
  OptionLine option;
  std::string_view bytes = line.bytes();
  auto skip_blanks = [&](std::size_t at) {
    while (at < bytes.size() && is_blank(bytes[at])) ++at;
    return at;
  };
  std::size_t begin = 0, end = name_length(bytes);
  std::size_t next = skip_blanks(end);
  if (bytes.substr(0, end) == "hide" && next < bytes.size() &&
      is_name_char(bytes[next])) {
    option.hidden = true;
    begin = next;
    end = begin + name_length(bytes.substr(begin));
    next = skip_blanks(end);
  }
  option.name = bytes.substr(begin, end - begin);
  option.origin = line.origin(begin);
  if (option.name.empty())
    return complaint(option.origin, quote(bytes.substr(0, 40)) +
                                        " is not an option: write 'name = value', or "
                                        "'#' before a comment");
  if (next == bytes.size()) return option;
  if (bytes[next] != '=')
    return complaint(line.origin(next), "'=' is missing after " + quote(option.name) +
                                            ": write '" + option.name + " = value'");
  SourceText value = line.part(skip_blanks(next + 1));
  value.trim();
  if (!value.bytes().starts_with('"')) {
    option.value = std::move(value);
    return option;
  }
  auto unquoted = parse_quoted(value);
  if (!unquoted) return std::unexpected(std::move(unquoted).error());
  option.value = *std::move(unquoted);
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

base::Result<double> parse_fixed(std::string_view text) {
  std::size_t dot = std::min(text.find('.'), text.size());
  std::string_view decimals = text.substr(dot);
  auto whole = base::to_number(text.substr(0, dot));
  bool good =
      whole && *whole < 1'000'000'000 && decimals.size() <= 4 && decimals.size() != 1 &&
      std::ranges::all_of(decimals.substr(decimals.empty() ? 0 : 1), base::is_digit);
  if (!good)
    return wrong(quote(text) +
                 " is not a number with at most three decimals: write one such as 1.5");
  double scale = 1, number = static_cast<double>(*whole);
  for (char digit : decimals.substr(decimals.empty() ? 0 : 1))
    number += (digit - '0') * (scale /= 10);
  return number;
}

std::expected<SourceText, Diagnostic> parse_quoted(const SourceText& text) {
  SourceText out;
  std::string_view bytes = text.bytes();
  std::size_t at = 1;
  while (at < bytes.size() && bytes[at] != '"') {
    std::size_t plain = std::min(bytes.find_first_of("\"\\", at), bytes.size());
    out.append(text, at, plain - at);
    at = plain;
    if (at + 1 >= bytes.size() || bytes[at] == '"') {
      if (at < bytes.size() && bytes[at] == '\\') ++at;
      continue;
    }
    Origin origin = text.origin(at);
    std::string_view rest = bytes.substr(at + 1);
    char c = take_escape(rest);
    if (c == '\0')
      return complaint(origin,
                       "an escape in the quoted string stands for a NUL: remove it");
    out.append(std::string_view(&c, 1), origin);
    at = bytes.size() - rest.size();
  }
  if (at >= bytes.size())
    return complaint(text.origin(),
                     "the closing quote is missing: write '\"' at the "
                     "end of the value");
  std::string_view after = trimmed(bytes.substr(at + 1));
  if (!after.empty())
    return complaint(text.origin(at + 1),
                     quote(after) +
                         " follows the closing quote: write '\\\"' for a "
                         "quote inside the value");
  return out;
}

SourceText as_one_item(const SourceText& item) {
  constexpr std::string_view kSeparators = ";|%~&=#,/";
  std::size_t free = 0;
  while (free < kSeparators.size() &&
         item.bytes().find(kSeparators[free]) != std::string_view::npos)
    ++free;
  SourceText list;
  if (free < kSeparators.size())
    list.append(std::string{'<', kSeparators[free], ' '}, item.origin());
  list.append(item);
  return list;
}

}  // namespace policy
