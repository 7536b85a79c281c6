// SPDX-License-Identifier: Apache-2.0
//
// JSON text, written into a string as it is built: one object per line is all we emit.
//
// Mail is not always UTF-8.  A byte that is no part of a valid UTF-8 sequence is
// written as the escape \udc80 .. \udcff (the byte plus 0xdc00), so nothing is lost and
// a reader that knows the convention (Python's "surrogateescape") gets the bytes back.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace base {

class Json {
 public:
  explicit Json(std::string& out) : out_(out) {}

  Json& begin_object() { return open('{'); }
  Json& end_object() { return close('}'); }
  Json& begin_array() { return open('['); }
  Json& end_array() { return close(']'); }
  Json& key(std::string_view name);

  Json& value(std::string_view text);
  Json& value(const char* text) { return value(std::string_view(text)); }
  Json& value(bool truth) { return raw(truth ? "true" : "false"); }
  template <std::integral T>
  Json& value(T number) {
    return raw(std::to_string(number));
  }
  Json& value(double number);  // null if it is none
  Json& null() { return raw("null"); }

  template <class T>
  Json& member(std::string_view name, const T& v) {
    key(name);
    return value(v);
  }

 private:
  Json& open(char bracket);
  Json& close(char bracket);
  Json& raw(std::string_view text);
  void comma();

  std::string& out_;
  bool need_comma_ = false;
};

// `text` quoted and escaped as a JSON string, appended to `out`.
void append_json_string(std::string& out, std::string_view text);

}  // namespace base
