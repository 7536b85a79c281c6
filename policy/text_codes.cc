// SPDX-License-Identifier: Apache-2.0
#include "policy/text_codes.h"

#include <algorithm>
#include <array>
#include <limits>

#include "policy/source.h"

namespace policy {
namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// The value of each byte as a digit, -1 if it is none.
template <std::size_t N>
constexpr std::array<int, 256> digit_values(const char (&digits)[N]) {
  std::array<int, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < N - 1; ++i)
    values[static_cast<unsigned char>(digits[i])] = static_cast<int>(i);
  return values;
}
constexpr auto kBase64Values =
    digit_values("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::unexpected<base::Error> wrong(std::string_view text, std::string_view what) {
  return base::fail(base::Code::syntax, quote(text) + std::string(what));
}

base::Result<std::uint64_t> from_digits(std::string_view text, std::string_view digits,
                                        std::string_view what) {
  std::uint64_t number = 0;
  for (char c : text) {
    std::size_t value = digits.find(c);
    if (value == std::string_view::npos) return wrong(text, what);
    if (__builtin_mul_overflow(number, digits.size(), &number) ||
        __builtin_add_overflow(number, value, &number))
      return wrong(text, " is too large a number");
  }
  return number;
}

std::string to_digits(std::uint64_t number, std::string_view digits) {
  std::string out;
  for (; number > 0; number /= digits.size()) out += digits[number % digits.size()];
  return out;
}

}  // namespace

std::string to_hex(std::string_view bytes, HexCase letters) {
  const char* digits =
      letters == HexCase::lower ? "0123456789abcdef" : "0123456789ABCDEF";
  std::string out;
  out.reserve(2 * bytes.size());
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

base::Result<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return wrong(text, " has an odd number of characters");
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return wrong(text, " is not hexadecimal");
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= count ? kBase64[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

base::Result<std::string> from_base64(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  unsigned group = 0, digits = 0, padding = 0;
  for (char c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) continue;
    int value = kBase64Values[static_cast<unsigned char>(c)];
    bool pads = c == '=' && digits + padding >= 2 && digits + padding < 4;
    if (!pads && (value < 0 || padding > 0)) return wrong(text, " is not base64");
    if (pads) {
      ++padding;
      continue;
    }
    group = group << 6 | static_cast<unsigned>(value);
    if (++digits < 4) continue;
    for (int shift : {16, 8, 0}) out += static_cast<char>(group >> shift & 255);
    group = digits = 0;
  }
  if (digits > 0) {
    if (digits + padding != 4) return wrong(text, " is not base64: padding is missing");
    out += static_cast<char>(group >> (digits == 3 ? 10 : 4) & 255);
    if (digits == 3) out += static_cast<char>(group >> 2 & 255);
  }
  return out;
}

std::string to_base32(std::uint64_t number) {
  std::string out = to_digits(number, kBase32);
  std::reverse(out.begin(), out.end());
  return out;
}

base::Result<std::uint64_t> from_base32(std::string_view text) {
  return from_digits(text, kBase32, " is not a number in base 32 (a-z, 2-7)");
}

std::string to_base62(std::uint64_t number) {
  std::string out = to_digits(number, kBase62);
  if (out.size() < 6) out.append(6 - out.size(), '0');
  std::reverse(out.begin(), out.end());
  return out;
}

base::Result<std::uint64_t> from_base62(std::string_view text) {
  return from_digits(text, kBase62, " is not a number in base 62 (0-9, A-Z, a-z)");
}

}  // namespace policy
