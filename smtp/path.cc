// SPDX-License-Identifier: Apache-2.0
#include "smtp/path.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"

namespace smtp {

namespace {

bool is_alnum(char c) {
  return base::is_digit(c) || (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z');
}

// atext of RFC 5322 section 3.2.3.
bool is_atext(char c) {
  return is_alnum(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c));
}

bool is_printable_ascii(char c) {
  return c >= 32 && c <= 126;
}

// UTF8-non-ascii, where it may stand; RFC 6531 adds it to atext, qtextSMTP and
// sub-domain alike.
std::size_t non_ascii(std::string_view text, Utf8 utf8) {
  return utf8 == Utf8::yes ? utf8_sequence(text) : 0;
}

// Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE
// Its length at the start of `text`; 0 if there is none.
std::size_t quoted_string(std::string_view text, Utf8 utf8) {
  if (!text.starts_with('"')) return 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (std::size_t length = non_ascii(text.substr(i), utf8)) {
      i += length - 1;
      continue;
    }
    if (text[i] == '\\') ++i;
    if (i == text.size() || !is_printable_ascii(text[i])) return 0;
  }
  return 0;
}

// Dot-string = Atom *("." Atom)
std::size_t dot_string(std::string_view text, Utf8 utf8) {
  std::size_t i = 0;
  bool in_atom = false;
  while (i < text.size()) {
    std::size_t length = non_ascii(text.substr(i), utf8);
    if (length > 0 || is_atext(text[i]))
      in_atom = true;
    else if (text[i] == '.' && in_atom)
      in_atom = false;
    else
      break;
    i += std::max<std::size_t>(length, 1);
  }
  return in_atom ? i : 0;
}

// The route of `"<" [ A-d-l ":" ] Mailbox ">"`, A-d-l = At-domain *( "," At-domain ):
// how much to drop, nothing if there is one and it is malformed.
std::optional<std::size_t> source_route(std::string_view text, Utf8 utf8) {
  if (!text.starts_with('@')) return 0;
  std::size_t colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  std::string_view rest = text.substr(0, colon);
  while (!rest.empty()) {
    std::size_t comma = std::min(rest.find(','), rest.size());
    if (rest.front() != '@' || !is_domain(rest.substr(1, comma - 1), utf8))
      return std::nullopt;
    if (comma + 1 == rest.size()) return std::nullopt;  // "@a,:"
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return colon + 1;
}

// The inside of "<...>".
base::Result<std::string_view> strip_brackets(std::string_view path) {
  if (path_end(path) != path.size())
    return base::fail(base::Code::syntax, "a path is written <...>");
  return path.substr(1, path.size() - 2);
}

base::Result<Address> parse_routed(std::string_view inside, Utf8 utf8) {
  auto route = source_route(inside, utf8);
  if (!route) return base::fail(base::Code::syntax, "malformed source route");
  return Address::parse(inside.substr(*route), utf8);
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0; });
}

// UTF8-2, UTF8-3 and UTF8-4 of RFC 3629 section 4: shortest form, no surrogates, and no
// C1 controls, which could speak to a terminal.
std::size_t utf8_sequence(std::string_view text) {
  auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = at(0);
  std::size_t length = first < 0xc2   ? 0
                       : first < 0xe0 ? 2
                       : first < 0xf0 ? 3
                       : first < 0xf5 ? 4
                                      : 0;
  unsigned least = 0x80, most = 0xbf;  // of the second byte
  if (first == 0xc2 || first == 0xe0) least = 0xa0;
  if (first == 0xed) most = 0x9f;
  if (first == 0xf0) least = 0x90;
  if (first == 0xf4) most = 0x8f;
  if (length == 0 || at(1) < least || at(1) > most) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  return length;
}

// Domain = sub-domain *("." sub-domain), sub-domain = Let-dig [Ldh-str], or a U-label
bool is_domain(std::string_view text, Utf8 utf8) {
  if (text.empty() || text.size() > kLongestDomain) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '.') {
      if (label == 0 || label > 63 || text[i - 1] == '-') return false;
      label = 0;
    } else if (std::size_t length = non_ascii(text.substr(i), utf8)) {
      label += length;
      i += length - 1;
    } else if (is_alnum(text[i]) || (text[i] == '-' && label > 0)) {
      ++label;
    } else {
      return false;
    }
  }
  return true;
}

// address-literal = "[" ( IPv4-address-literal / "IPv6:" IPv6-addr ) "]"
// No tag of a General-address-literal was ever registered, so there is none to take.
bool is_address_literal(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']')) return false;
  std::string inside(text.substr(1, text.size() - 2));
  if (inside.contains('\0')) return false;  // inet_pton would stop there
  unsigned char bytes[16];
  constexpr std::string_view kTag = "IPv6:";
  if (base::equal_nocase(std::string_view(inside).substr(0, kTag.size()), kTag))
    return ::inet_pton(AF_INET6, inside.c_str() + kTag.size(), bytes) == 1;
  return ::inet_pton(AF_INET, inside.c_str(), bytes) == 1;
}

// Mailbox = Local-part "@" ( Domain / address-literal )
// Local-part = Dot-string / Quoted-string
base::Result<Address> Address::parse(std::string_view text, Utf8 utf8) {
  std::size_t at =
      text.starts_with('"') ? quoted_string(text, utf8) : dot_string(text, utf8);
  if (at == 0) return base::fail(base::Code::syntax, "malformed local part");
  if (at == text.size() || text[at] != '@')
    return base::fail(base::Code::syntax, "no @ after the local part");
  if (at > kLongestLocalPart)
    return base::fail(base::Code::syntax, "local part longer than 64 bytes");
  std::string_view domain = text.substr(at + 1);
  if (!is_domain(domain, utf8) && !is_address_literal(domain))
    return base::fail(base::Code::syntax, "malformed domain");
  if (text.size() + 2 > kLongestPath)
    return base::fail(base::Code::syntax, "path longer than 256 bytes");
  return Address(std::string(text), at);
}

// Reverse-path = Path / "<>"
base::Result<ReversePath> ReversePath::parse(std::string_view path, Utf8 utf8) {
  if (path == "<>") return ReversePath();
  std::string_view inside = TRY(strip_brackets(path));
  return ReversePath(TRY(parse_routed(inside, utf8)));
}

// Forward-path = Path, or "<Postmaster>" in any case (RFC 5321 section 4.1.1.3)
base::Result<ForwardPath> ForwardPath::parse(std::string_view path, Utf8 utf8) {
  std::string_view inside = TRY(strip_brackets(path));
  if (base::equal_nocase(inside, "postmaster")) return ForwardPath();
  return ForwardPath(TRY(parse_routed(inside, utf8)));
}

std::optional<std::size_t> path_end(std::string_view text) {
  if (!text.starts_with('<')) return std::nullopt;
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"')
      quoted = !quoted;
    else if (text[i] == '\\' && quoted)
      ++i;
    else if (text[i] == '>' && !quoted)
      return i + 1;
  }
  return std::nullopt;
}

}  // namespace smtp
