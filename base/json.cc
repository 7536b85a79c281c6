// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <charconv>
#include <cmath>
#include <iterator>

namespace base {

namespace {

constexpr char kHex[] = "0123456789abcdef";

// The length of the UTF-8 sequence that starts `text` (RFC 3629 section 4), 0 if none
// does: overlong forms, surrogates and values over U+10FFFF are not valid.
std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;
    if (lead == 0xed && byte(1) > 0x9f) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (lead == 0xf0 && byte(1) < 0x90) return 0;
    if (lead == 0xf4 && byte(1) > 0x8f) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    char c = text.front();
    auto byte = static_cast<unsigned char>(c);
    std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\\udc";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
      length = 1;
    } else if (length > 1) {
      out += text.substr(0, length);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
    text.remove_prefix(length);
  }
  out += '"';
}

void Json::comma() {
  if (need_comma_) out_ += ',';
  need_comma_ = true;
}

Json& Json::open(char bracket) {
  comma();
  out_ += bracket;
  need_comma_ = false;
  return *this;
}

Json& Json::close(char bracket) {
  out_ += bracket;
  need_comma_ = true;
  return *this;
}

Json& Json::key(std::string_view name) {
  comma();
  append_json_string(out_, name);
  out_ += ':';
  need_comma_ = false;
  return *this;
}

Json& Json::value(double number) {
  if (!std::isfinite(number)) return null();
  constexpr double kExact = 1LL << 53;
  if (std::abs(number) < kExact && number == std::floor(number))
    return value(static_cast<std::int64_t>(number));
  char text[32];
  auto end = std::to_chars(std::begin(text), std::end(text), number).ptr;
  return raw({text, end});
}

Json& Json::value(std::string_view text) {
  comma();
  append_json_string(out_, text);
  return *this;
}

Json& Json::raw(std::string_view text) {
  comma();
  out_ += text;
  return *this;
}

}  // namespace base
