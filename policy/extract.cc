// SPDX-License-Identifier: Apache-2.0
#include "policy/extract.h"

#include <algorithm>

#include "base/text.h"
#include "policy/arithmetic.h"
#include "policy/escapes.h"
#include "policy/plain_list.h"
#include "policy/source.h"

namespace policy {
namespace {

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

std::string_view stripped(std::string_view text) {
  skip_blanks(text);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::syntax, std::move(text));
}

// Takes a value off the front: a word, or a text in double quotes, which may lack the
// closing one, with its escapes undone.
std::string take_value(std::string_view& text) {
  std::string value;
  if (!text.starts_with('"')) {
    std::size_t end = 0;
    while (end < text.size() && !is_space(text[end])) ++end;
    value = text.substr(0, end);
    text.remove_prefix(end);
    return value;
  }
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    char c = text.front();
    text.remove_prefix(1);
    value += c == '\\' && !text.empty() ? take_escape(text) : c;
  }
  if (!text.empty()) text.remove_prefix(1);
  return value;
}

// Walks over the members of one JSON object or array, no deeper: a value is found by
// its brackets and quotes, its inside is not judged.
class JsonMembers {
 public:
  // `open` is '{' or '['.
  static base::Result<JsonMembers> create(std::string_view data, char open) {
    data = stripped(data);
    if (!data.starts_with(open))
      return wrong(open == '{' ? "the data is not a JSON object"
                               : "the data is not a JSON array");
    char close = open == '{' ? '}' : ']';
    if (data.size() < 2 || data.back() != close)
      return wrong(std::string("the closing '") + close + "' of the JSON is missing");
    data.remove_prefix(1);
    data.remove_suffix(1);
    return JsonMembers(data, open == '{');
  }

  // The next member; false at the end.  `key` has no quotes and stays empty in arrays.
  base::Result<bool> next(std::string_view& key, std::string_view& value) {
    skip_blanks(rest_);
    if (rest_.empty()) return false;
    if (is_object_) {
      if (rest_.front() != '"') return wrong("a key of the JSON object has no quotes");
      std::size_t end = string_end(rest_);
      if (end == std::string_view::npos) return wrong("a key of the JSON never ends");
      key = rest_.substr(1, end - 2);
      rest_.remove_prefix(end);
      skip_blanks(rest_);
      if (!rest_.starts_with(':')) return wrong("a ':' is missing in the JSON object");
      rest_.remove_prefix(1);
    }
    std::size_t end = TRY(value_end());
    value = stripped(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return true;
  }

 private:
  JsonMembers(std::string_view rest, bool is_object)
      : rest_(rest), is_object_(is_object) {}

  // Behind the string that `text` starts with.
  static std::size_t string_end(std::string_view text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
      if (text[i] == '"') return i + 1;
      if (text[i] == '\\') ++i;
    }
    return std::string_view::npos;
  }

  // Where the comma behind the value is, or the end.
  base::Result<std::size_t> value_end() const {
    std::string open;  // the brackets that are to come
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      char c = rest_[i];
      if (c == '"') {
        std::size_t end = string_end(rest_.substr(i));
        if (end == std::string_view::npos)
          return wrong("a string of the JSON never ends");
        i += end - 1;
      } else if (c == '{' || c == '[') {
        open += c == '{' ? '}' : ']';
      } else if (c == '}' || c == ']') {
        if (open.empty() || open.back() != c)
          return wrong("the brackets of the JSON do not match");
        open.pop_back();
      } else if (c == ',' && open.empty()) {
        return i;
      }
    }
    if (!open.empty()) return wrong("the brackets of the JSON do not match");
    return rest_.size();
  }

  std::string_view rest_;
  bool is_object_;
};

base::Result<std::string> json_value(std::string_view raw, JsonText form) {
  if (form == JsonText::raw) return std::string(raw);
  if (raw.size() < 2 || raw.front() != '"' || raw.back() != '"')
    return wrong("the JSON value " + quote(raw) + " is not a string");
  return std::string(raw.substr(1, raw.size() - 2));
}

}  // namespace

base::Result<ExtractKey> parse_extract_key(std::string_view argument) {
  ExtractKey key{std::string(stripped(argument)), std::nullopt};
  if (key.text.empty()) return wrong("the first argument of extract is empty");
  key.number = plain_integer(key.text);
  return key;
}

std::optional<std::string> extract_keyed(std::string_view key, std::string_view data) {
  for (skip_blanks(data); !data.empty(); skip_blanks(data)) {
    std::size_t end = 0;
    while (end < data.size() && data[end] != '=' && !is_space(data[end])) ++end;
    std::string_view name = data.substr(0, end);
    data.remove_prefix(end);
    skip_blanks(data);
    if (data.starts_with('=')) {
      data.remove_prefix(1);
      skip_blanks(data);
    }
    std::string value = take_value(data);
    if (base::equal_nocase(name, key)) return value;
  }
  return std::nullopt;
}

std::optional<std::string> extract_field(std::int64_t number,
                                         std::string_view separators,
                                         std::string_view data) {
  if (number == 0) return std::string(data);
  if (number < 0) {
    std::int64_t fields = 1;
    for (char c : data) fields += separators.contains(c);
    if (number < -fields) return std::nullopt;
    number += fields + 1;
  }
  while (--number > 0) {
    std::size_t end = data.find_first_of(separators);
    if (end == std::string_view::npos) return std::nullopt;
    data.remove_prefix(end + 1);
  }
  return std::string(data.substr(0, data.find_first_of(separators)));
}

base::Result<std::optional<std::string>> extract_json(std::string_view key,
                                                      std::string_view data,
                                                      JsonText form) {
  key = stripped(key);
  if (key.empty()) return wrong("the first argument of extract is empty");
  auto number = plain_integer(key);
  if (number && *number < 1)
    return wrong("the first argument of extract json must be greater than zero");
  JsonMembers members = TRY(JsonMembers::create(data, number ? '[' : '{'));

  std::string_view name, value;
  for (std::int64_t i = 1; TRY(members.next(name, value)); ++i)
    if (number ? i == *number : name == key) return TRY(json_value(value, form));
  return std::nullopt;
}

base::Result<std::vector<std::string>> json_elements(std::string_view data,
                                                     JsonText form) {
  JsonMembers members = TRY(JsonMembers::create(data, '['));
  std::vector<std::string> elements;
  std::string_view name, value;
  while (TRY(members.next(name, value)))
    elements.push_back(TRY(json_value(value, form)));
  return elements;
}

base::Result<std::optional<std::string>> extract_element(std::string_view number,
                                                         std::string_view list) {
  std::string_view digits = stripped(number);
  if (digits.empty()) return wrong("the first argument of listextract is empty");
  auto index = plain_integer(digits);
  if (!index)
    return wrong("the first argument of listextract, " + quote(number) +
                 ", is not a number");
  if (*index < 0) {
    auto count = static_cast<std::int64_t>(count_elements(list));
    if (*index < -count) return std::nullopt;
    *index += count + 1;
  }
  ListReader reader(list);
  std::string_view element;
  for (std::int64_t i = 1; i <= *index && reader.next(element); ++i)
    if (i == *index) return std::string(element);
  return std::nullopt;
}

}  // namespace policy
