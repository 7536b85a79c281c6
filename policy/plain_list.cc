// SPDX-License-Identifier: Apache-2.0
#include "policy/plain_list.h"

namespace policy {
namespace {

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

constexpr bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// Punctuation or a control character: what may follow "<" to become the separator.
constexpr bool can_separate(char c) {
  bool alphanumeric =
      (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_control(c) || (c > ' ' && c < 0x7f && !alphanumeric);
}

// A blank at the end goes, but not one that a backslash precedes.
std::string_view without_trailing_blanks(std::string_view text) {
  while (!text.empty() && is_space(text.back()) &&
         (text.size() == 1 || text[text.size() - 2] != '\\'))
    text.remove_suffix(1);
  return text;
}

void append_doubled(std::string& out, std::string_view text, char separator) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t found = text.find(separator, at);
    if (found == std::string_view::npos) {
      out += text.substr(at);
      return;
    }
    out.append(text, at, found + 1 - at);
    out += separator;
    at = found + 1;
  }
}

}  // namespace

ListReader::ListReader(std::string_view list) : rest_(list) {
  while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  if (rest_.size() > 1 && rest_[0] == '<' && can_separate(rest_[1])) {
    separator_ = rest_[1];
    rest_.remove_prefix(2);
  }
  if (rest_ == "<") rest_ = {};  // to Exim, the end of the text separates
}

bool ListReader::next(std::string_view& element) {
  while (!rest_.empty() && is_space(rest_.front()) && rest_.front() != separator_)
    rest_.remove_prefix(1);
  if (rest_.empty()) return false;

  std::size_t end = rest_.find(separator_);
  if (is_control(separator_) || end >= rest_.size() - 1 ||
      rest_[end + 1] != separator_) {
    element = rest_.substr(0, end);
    rest_.remove_prefix(end < rest_.size() ? end + 1 : rest_.size());
  } else {
    undoubled_.clear();
    std::size_t start = 0;
    while (end < rest_.size() - 1 && rest_[end + 1] == separator_) {
      undoubled_.append(rest_, start, end + 1 - start);
      start = end + 2;
      end = rest_.find(separator_, start);
    }
    end = end < rest_.size() ? end : rest_.size();
    undoubled_.append(rest_, start, end - start);
    element = undoubled_;
    rest_.remove_prefix(end < rest_.size() ? end + 1 : end);
  }
  element = without_trailing_blanks(element);
  return true;
}

PlainList split_list(std::string_view list) {
  ListReader reader(list);
  PlainList result{reader.separator(), {}};
  for (std::string_view element; reader.next(element);)
    result.elements.emplace_back(element);
  return result;
}

std::size_t count_elements(std::string_view list) {
  ListReader reader(list);
  std::size_t count = 0;
  for (std::string_view element; reader.next(element);) ++count;
  return count;
}

void ListWriter::add(std::string_view element) {
  if (!first_) {
    out_ += separator_;
    if (element.empty() || element.front() == separator_) out_ += ' ';
  }
  first_ = false;
  append_doubled(out_, element, separator_);
}

std::string quote_element(std::string_view separator, std::string_view text) {
  if (text.empty()) return " ";
  if (separator.empty()) return std::string(text);
  std::string out;
  append_doubled(out, text, separator.front());
  return out;
}

}  // namespace policy
