// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>

namespace base {

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  auto octal = [&](unsigned char byte) {
    out += '\\';
    out += static_cast<char>('0' + (byte >> 6));
    out += static_cast<char>('0' + ((byte >> 3) & 7));
    out += static_cast<char>('0' + (byte & 7));
  };
  unsigned char before = 0;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte == 0x7f) {
      octal(byte);
    } else if (before == 0xc2 && byte >= 0x80 && byte <= 0x9f) {
      // U+0080 to U+009F in UTF-8: control characters too, and xterm obeys them.
      out.pop_back();
      octal(before);
      octal(byte);
    } else {
      out += c;
    }
    before = byte;
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = to_lower(c);
  return out;
}

bool equal_nocase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return number;
}

std::optional<std::int64_t> scan_number(std::string_view& text) {
  std::size_t i = 0;
  while (i < text.size() && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r')))
    ++i;
  bool plus = i < text.size() && text[i] == '+';
  if (plus) ++i;
  if (plus && i < text.size() && text[i] == '-') return std::nullopt;
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data() + i, end, number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return number;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view digits = text;
  unsigned shift = 0;
  if (!text.empty() && !is_digit(text.back())) {
    switch (to_lower(text.back())) {
      case 'k':
        shift = 10;
        break;
      case 'm':
        shift = 20;
        break;
      case 'g':
        shift = 30;
        break;
      default:
        digits = "";
    }
    if (!digits.empty()) digits.remove_suffix(1);
  }
  auto number = to_number(digits);
  if (!number || *number > (std::numeric_limits<std::uint64_t>::max() >> shift))
    return fail(Code::usage,
                "'" + std::string(text) +
                    "' is not a size: write a number of bytes, 10k, 5M or 1G");
  return *number << shift;
}

Result<std::chrono::seconds> parse_span(std::string_view text) {
  auto bad = [&] {
    return fail(Code::usage,
                "'" + std::string(text) +
                    "' is not a time: write 45s, 90m, 2h, 3d, 1w or 1h30m");
  };
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;  // 35,000 years: no overflow
  std::uint64_t total = 0;
  std::string_view rest = text;
  if (rest.empty()) return bad();
  while (!rest.empty()) {
    std::size_t digits = 0;
    while (digits < rest.size() && is_digit(rest[digits])) ++digits;
    auto number = to_number(rest.substr(0, digits));
    if (!number || *number > kMost) return bad();
    std::uint64_t unit = 1;
    if (digits == rest.size()) {
      if (digits != text.size()) return bad();  // "1h30" is ambiguous
    } else {
      switch (rest[digits]) {
        case 's':
          break;
        case 'm':
          unit = 60;
          break;
        case 'h':
          unit = 3600;
          break;
        case 'd':
          unit = 86400;
          break;
        case 'w':
          unit = 604800;
          break;
        default:
          return bad();
      }
      ++digits;
    }
    total += *number * unit;
    if (total > kMost) return bad();
    rest.remove_prefix(digits);
  }
  return std::chrono::seconds(total);
}

std::string format_rfc3339(std::chrono::sys_time<std::chrono::microseconds> time) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(time - day);
  char text[64];
  int n = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()));
  return {text, static_cast<std::size_t>(n)};
}

std::string format_mail_date(std::chrono::sys_time<std::chrono::microseconds> time) {
  std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char text[64];  // no program of ours calls setlocale, so names are English
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &local)};
}

}  // namespace base
