// SPDX-License-Identifier: Apache-2.0
#include "policy/mail_address.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "policy/source.h"

namespace policy {
namespace {

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
// RFC 5322's atext, bytes from 0x80 on (RFC 6532), and the dot is left to the callers.
constexpr bool is_atom_char(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != 0x7f && !std::string_view("()<>,;:\\\"[]@.").contains(c);
}

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::syntax, std::move(text));
}

// Where the comment that starts at `at` ends; one that never does takes all the rest.
std::size_t comment_end(std::string_view text, std::size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '(') {
      ++depth;
    } else if (text[at] == ')' && --depth == 0) {
      return at + 1;
    }
  }
  return text.size();
}

// Where the quoted string that starts at `at` ends; npos if it never does.
std::size_t quoted_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') ++at;
  }
  return std::string_view::npos;
}

// One address, from left to right:
//   mailbox = [ phrase ] "<" [ route ] spec ">" / [ route ] spec
//   spec = local-part [ "@" domain ]       route = 1#( "@" domain ) ":"
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  base::Result<MailAddress> whole() {
    skip();
    if (at_end()) return wrong("the address is empty");
    MailAddress address;
    std::size_t start = at_;
    skip_phrase();
    if (peek() == '<') {
      ++at_;
      skip();
      if (peek() != '>') address = TRY(routed());
      if (peek() != '>') return wrong("a '>' is missing in the address");
      ++at_;
      skip();
    } else {
      at_ = start;
      address = TRY(routed());
    }
    if (!at_end())
      return wrong(quote(text_.substr(at_)) + " is left over behind the address");
    return address;
  }

  bool is_comment_only() {
    skip();
    return at_end();
  }

  // Words and nothing else: the name of a group, which may be empty too.
  bool is_phrase() {
    skip_phrase();
    return at_end();
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  // White space and comments.
  void skip() {
    while (!at_end()) {
      if (text_[at_] == '(')
        at_ = comment_end(text_, at_);
      else if (is_space(text_[at_]))
        ++at_;
      else
        return;
    }
  }

  // Words, dots and quoted strings, as far as they go.
  void skip_phrase() {
    for (skip(); !at_end(); skip()) {
      char c = text_[at_];
      if (c == '"') {
        std::size_t end = quoted_end(text_, at_);
        if (end == std::string_view::npos) return;
        at_ = end;
      } else if (c == '\\' && at_ + 1 < text_.size()) {
        at_ += 2;
      } else if (is_atom_char(c) || c == '.') {
        ++at_;
      } else {
        return;
      }
    }
  }

  base::Result<MailAddress> routed() {
    bool has_route = peek() == '@';
    while (peek() == '@' || (has_route && peek() == ',')) {
      if (text_[at_++] == '@') TRY(domain());
      skip();
    }
    if (has_route) {
      if (peek() != ':') return wrong("a ':' is missing behind the source route");
      ++at_;
      skip();
    }
    MailAddress address;
    address.local_part = TRY(local_part());
    if (peek() == '@') {
      ++at_;
      address.domain = TRY(domain());
    } else if (has_route) {
      return wrong("the address behind the source route has no domain");
    }
    return address;
  }

  // Words with dots between; more dots than that are common, and kept.
  base::Result<std::string> local_part() {
    std::string out;
    for (bool after_dot = true; !at_end(); skip()) {
      char c = text_[at_];
      if (c == '.') {
        out += c;
        ++at_;
        after_dot = true;
        continue;
      }
      if (!after_dot) break;
      std::size_t start = at_;
      if (c == '"') {
        at_ = quoted_end(text_, at_);
        if (at_ == std::string_view::npos)
          return wrong("a '\"' is missing in the local part");
      } else {
        while (!at_end() && (is_atom_char(text_[at_]) || text_[at_] == '\\'))
          at_ += text_[at_] == '\\' ? 2 : 1;
        at_ = std::min(at_, text_.size());
      }
      if (at_ == start) break;
      out += text_.substr(start, at_ - start);
      after_dot = false;
    }
    if (out.empty()) return wrong("the address has no local part");
    return out;
  }

  // Labels with dots between, or a literal in brackets.
  base::Result<std::string> domain() {
    skip();
    std::string out;
    if (peek() == '[') {
      std::size_t end = at_ + 1;
      while (end < text_.size() && (is_alphanumeric(text_[end]) ||
                                    std::string_view(".:-").contains(text_[end])))
        ++end;
      if (end >= text_.size() || text_[end] != ']')
        return wrong("the domain literal is malformed");
      out = text_.substr(at_, end + 1 - at_);
      at_ = end + 1;
      skip();
      return out;
    }
    while (true) {
      std::size_t start = at_;
      if (!is_alphanumeric(peek())) return wrong("the domain is missing or malformed");
      while (is_alphanumeric(peek()) || peek() == '-') ++at_;
      out += text_.substr(start, at_ - start);
      skip();
      if (peek() != '.') return out;
      out += '.';
      ++at_;
      skip();
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Where the next domain of a source route begins, behind the comma before `at`; npos if
// none follows.
std::size_t next_in_route(std::string_view text, std::size_t at) {
  at = text.find_first_not_of(" \t\r\n,", at);
  return at != std::string_view::npos && text[at] == '@' ? at : std::string_view::npos;
}

// Where the member of a list that starts at `at` ends: at a comma or semicolon, at the
// colon behind a group's name, or at the end of the text.
std::size_t member_end(std::string_view text, std::size_t at) {
  bool in_angles = false;
  bool routed = text[at] == '@';
  while (at < text.size()) {
    char c = text[at];
    if (c == '(') {
      at = comment_end(text, at);
      continue;
    }
    if (c == '"') {
      at = std::min(quoted_end(text, at), text.size());
      continue;
    }
    if (c == '[') at = std::min(text.find_first_of("],", at), text.size());
    if (at >= text.size()) break;
    c = text[at];
    if (c == '\\') {
      ++at;
    } else if (c == '<') {
      in_angles = true;
    } else if (c == '>') {
      in_angles = false;
    } else if (c == ':' && !in_angles) {
      if (!routed) return at;
      routed = false;
    } else if (c == ',' && !in_angles) {
      std::size_t next = routed ? next_in_route(text, at + 1) : std::string_view::npos;
      if (next == std::string_view::npos) return at;
      at = next;
    } else if (c == ';' && !in_angles) {
      return at;
    }
    ++at;
  }
  return text.size();
}

}  // namespace

std::string MailAddress::text() const {
  return domain.empty() ? local_part : local_part + '@' + domain;
}

base::Result<MailAddress> parse_mail_address(std::string_view text) {
  return Reader(text).whole();
}

bool is_comment_only(std::string_view text) {
  return Reader(text).is_comment_only();
}

std::vector<MailAddress> parse_mail_addresses(std::string_view text) {
  std::vector<MailAddress> addresses;
  bool in_group = false;
  for (std::size_t at = 0; at < text.size();) {
    if (is_space(text[at]) || text[at] == ',') {
      ++at;
      continue;
    }
    std::size_t end = member_end(text, at);
    std::string_view member = text.substr(at, end - at);
    char stop = end < text.size() ? text[end] : ',';
    if (stop == ':' && !in_group && Reader(member).is_phrase()) {
      in_group = true;
      at = end + 1;
      continue;
    }
    bool group_ends = stop == ';' && in_group;
    if (stop == ',' || group_ends) {
      auto address = parse_mail_address(member);
      if (address && !address->empty()) addresses.push_back(*std::move(address));
    }
    if (group_ends) in_group = false;
    at = end;
    // Behind a group, or what cannot be an address, all up to the next comma is lost.
    while (at < text.size() && text[at] != ',')
      at = std::max(member_end(text, at), at + 1);
  }
  return addresses;
}

AddressParts take_apart(std::string_view address) {
  std::size_t at = address.rfind('@');
  AddressParts parts;
  std::string_view local_part = address.substr(0, std::min(at, address.size()));
  if (at != address.npos) parts.domain = base::lower(address.substr(at + 1));
  // Quotes may be round a part of it only, and blanks behind a backslash.
  for (std::size_t i = 0; i < local_part.size(); ++i) {
    if (local_part[i] == '"') continue;
    if (local_part[i] == '\\' && i + 1 < local_part.size()) ++i;
    parts.local_part += local_part[i];
  }
  return parts;
}

}  // namespace policy
