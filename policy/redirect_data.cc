// SPDX-License-Identifier: Apache-2.0
#include "policy/redirect_data.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "policy/mail_address.h"
#include "policy/source.h"

namespace policy {
namespace {

using Kind = RedirectItem::Kind;

bool is_white(char c) {
  return is_blank(c) || c == '\n';
}

std::string_view stripped(std::string_view text) {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
  return text;
}

// Where the item at the start of `data` ends: a comma or a newline outside of quotes,
// comments in brackets and <>.  A quote does not go on in the next line.
std::size_t item_end(std::string_view data) {
  bool quoted = false, angle = false;
  int comments = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    char c = data[i];
    if (c == '\\' && i + 1 < data.size())
      ++i;
    else if (c == '\n')
      return i;
    else if (c == '"' && comments == 0)
      quoted = !quoted;
    else if (quoted)
      continue;
    else if (c == '(')
      ++comments;
    else if (c == ')')
      comments = std::max(comments - 1, 0);
    else if (c == '<' || c == '>')
      angle = c == '<';
    else if (c == ',' && comments == 0 && !angle)
      return i;
  }
  return data.size();
}

// Takes ":fail:" or the like off the front of `text`, in any case.
bool take_word(std::string_view& text, std::string_view word) {
  if (!base::equal_nocase(text.substr(0, word.size()), word)) return false;
  text.remove_prefix(word.size());
  text = stripped(text);
  return true;
}

// "\n" written out is the only escape in the text of :fail:.
std::string message_of(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool newline = text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'n';
    out += newline ? '\n' : text[i];
    if (newline) ++i;
  }
  return out;
}

// What :fail: and its like are, which may take all that follows.
std::optional<RedirectItem> special(std::string_view rest) {
  if (take_word(rest, ":fail:")) return RedirectItem{Kind::fail, message_of(rest)};
  if (take_word(rest, ":defer:")) return RedirectItem{Kind::defer, message_of(rest)};
  return std::nullopt;
}

// "\"|/bin/x a, b\"" is one item with what is between the quotes.
std::string unquoted(std::string_view item) {
  if (item.size() < 2 || item.front() != '"' || item.back() != '"')
    return std::string(item);
  std::string out;
  item = item.substr(1, item.size() - 2);
  for (std::size_t i = 0; i < item.size(); ++i) {
    if (item[i] == '\\' && i + 1 < item.size()) ++i;
    out += item[i];
  }
  return out;
}

RedirectItem address_item(std::string_view text) {
  RedirectItem item{Kind::address, std::string(text)};
  if (text.starts_with('\\')) {
    item.own_domain = true;
    item.text.erase(0, 1);
  }
  auto address = parse_mail_address(item.text);
  if (!address) return {Kind::bad, address.error().text + " in " + quote(text)};
  if (address->empty())
    return {Kind::bad, "the address in " + quote(text) + " is empty"};
  item.text = address->text();
  return item;
}

RedirectItem item_of(std::string_view text) {
  if (take_word(text, ":blackhole:")) return {Kind::blackhole, ""};
  if (take_word(text, ":unknown:")) return {Kind::unknown, ""};
  if (take_word(text, ":include:")) return {Kind::include, unquoted(text)};
  std::string plain = unquoted(text);
  if (plain.starts_with('|'))
    return {Kind::pipe, std::string(stripped(std::string_view(plain).substr(1)))};
  if (plain.starts_with('/')) {
    // "/name@domain" may be an address of X.400 folk.
    auto address = parse_mail_address(text);
    if (!address || address->domain.empty()) {
      bool directory = plain.size() > 1 && plain.ends_with('/');
      return {directory ? Kind::directory : Kind::file, std::move(plain)};
    }
  }
  return address_item(text);
}

}  // namespace

std::vector<RedirectItem> parse_redirect_data(std::string_view data) {
  std::vector<RedirectItem> items;
  while (true) {
    while (!data.empty() && (is_white(data.front()) || data.front() == ','))
      data.remove_prefix(1);
    if (data.empty()) return items;
    if (data.front() == '#') {
      data.remove_prefix(std::min(data.find('\n'), data.size()));
      continue;
    }
    if (auto last = special(stripped(data))) {
      items.push_back(*std::move(last));
      return items;
    }
    std::size_t end = item_end(data);
    items.push_back(item_of(stripped(data.substr(0, end))));
    data.remove_prefix(end);
  }
}

}  // namespace policy
