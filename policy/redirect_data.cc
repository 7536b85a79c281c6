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

// Where the quoted string or comment that starts at `at` ends: behind its closing sign,
// at the end of the line, or of the data.
std::size_t closed_part_end(std::string_view data, std::size_t at) {
  bool comment = data[at] == '(';
  int depth = 0;
  for (; at < data.size() && data[at] != '\n'; ++at) {
    char c = data[at];
    if (c == '\\' && at + 1 < data.size()) {
      ++at;
    } else if (comment ? c == '(' : c == '"' && depth == 0) {
      ++depth;
    } else if (c == (comment ? ')' : '"') && --depth == 0) {
      return at + 1;
    }
  }
  return std::min(at, data.size());
}

// Where the item at the start of `data` ends: a comma or a newline outside of quotes,
// comments in brackets, <> and source routes.
std::size_t item_end(std::string_view data) {
  bool routed = data.starts_with('@');
  int open = routed ? 1 : 0;  // what must be closed before a comma counts
  for (std::size_t i = 0; i < data.size();) {
    char c = data[i];
    if (c == '\n' || (c == ',' && open <= 0)) return i;
    if (c == '"' || c == '(') {
      i = closed_part_end(data, i);
      continue;
    }
    if (c == '<') {
      routed = data.substr(i + 1).starts_with('@');
      open = routed ? 2 : 1;
    } else if (c == '>' || (c == ':' && routed)) {
      --open;
    }
    i += c == '\\' && i + 1 < data.size() ? 2 : 1;
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

// What ends the data: ":fail:" and ":defer:" take all that follows for their text.
std::optional<RedirectItem> last_item(std::string_view rest) {
  if (take_word(rest, ":fail:")) return RedirectItem{Kind::fail, message_of(rest)};
  if (take_word(rest, ":defer:")) return RedirectItem{Kind::defer, message_of(rest)};
  return std::nullopt;
}

// Of a file or command that stood in quotes.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

// "/name@domain" and "|name@domain" may be addresses of X.400 folk.
bool has_domain(std::string_view text) {
  auto address = parse_mail_address(text);
  return address && !address->domain.empty();
}

RedirectItem address_item(std::string_view text) {
  RedirectItem item{Kind::address, ""};
  auto address = parse_mail_address(text);
  if (text.starts_with('\\')) {
    auto rest = parse_mail_address(text.substr(1));
    item.own_domain = rest && !rest->empty() && rest->domain.empty();
    if (item.own_domain) address = std::move(rest);
  }
  if (!address) return {Kind::bad, address.error().text + " in " + quote(text)};
  if (address->empty())
    return {Kind::bad, "the address in " + quote(text) + " is empty"};
  item.text = address->text();
  return item;
}

// Nothing: there is nothing in it.
std::optional<RedirectItem> item_of(std::string_view text, bool quoted) {
  if (is_comment_only(text)) return std::nullopt;
  if (base::equal_nocase(text, ":unknown:")) return RedirectItem{Kind::unknown, ""};
  if (take_word(text, ":blackhole:")) return RedirectItem{Kind::blackhole, ""};
  if (take_word(text, ":include:"))
    return RedirectItem{Kind::include, std::string(text)};
  if ((!text.starts_with('|') && !text.starts_with('/')) || has_domain(text))
    return address_item(text);
  std::string plain = quoted ? unescaped(text) : std::string(text);
  if (plain.starts_with('|')) return RedirectItem{Kind::pipe, plain.substr(1)};
  bool directory = plain.ends_with('/');
  return RedirectItem{directory ? Kind::directory : Kind::file, std::move(plain)};
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
    std::size_t end = item_end(data);
    std::string_view text = stripped(data.substr(0, end));
    bool quoted = text.size() > 1 && text.front() == '"' && text.back() == '"';
    if (quoted) text = stripped(text.substr(1, text.size() - 2));
    // What stands in quotes ends there, and else the text may go on in other lines.
    if (auto last = last_item(quoted ? text : stripped(data))) {
      items.push_back(*std::move(last));
      return items;
    }
    if (auto item = item_of(text, quoted)) items.push_back(*std::move(item));
    data.remove_prefix(end);
  }
}

}  // namespace policy
