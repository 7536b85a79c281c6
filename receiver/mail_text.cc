// SPDX-License-Identifier: Apache-2.0
#include "receiver/mail_text.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"
#include "policy/mime_words.h"

namespace receiver {

namespace {

// Deeper and more are only written to keep us busy.
constexpr unsigned kDeepest = 10;
constexpr unsigned kMostParts = 200;

std::string_view trim(std::string_view text) {
  std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

struct Entity {
  std::string_view headers, body;
};

// At the first empty line; without headers all is body.
Entity split_entity(std::string_view text) {
  if (text.starts_with('\n')) return {{}, text.substr(1)};
  if (text.starts_with("\r\n")) return {{}, text.substr(2)};
  for (std::size_t end = text.find('\n'); end != std::string_view::npos;
       end = text.find('\n', end + 1)) {
    std::string_view rest = text.substr(end + 1);
    if (rest.starts_with('\n')) return {text.substr(0, end + 1), rest.substr(1)};
    if (rest.starts_with("\r\n")) return {text.substr(0, end + 1), rest.substr(2)};
  }
  return {text, {}};
}

// The value of the first header of that name, folds and all; empty if there is none.
std::string_view find_header(std::string_view headers, std::string_view name) {
  while (!headers.empty()) {
    std::size_t end = headers.find('\n');
    while (end != std::string_view::npos && end + 1 < headers.size() &&
           (headers[end + 1] == ' ' || headers[end + 1] == '\t'))
      end = headers.find('\n', end + 1);
    std::string_view line = headers.substr(0, end);
    std::size_t colon = line.find(':');
    if (colon != std::string_view::npos &&
        base::equal_nocase(trim(line.substr(0, colon)), name))
      return trim(line.substr(colon + 1));
    if (end == std::string_view::npos) break;
    headers.remove_prefix(end + 1);
  }
  return {};
}

// Of Content-Type: ;name=value or ;name="value" (RFC 2045 section 5.1).
std::string parameter(std::string_view value, std::string_view name) {
  std::size_t at = value.find(';');
  while (at != std::string_view::npos) {
    value.remove_prefix(at + 1);
    std::size_t equals = value.find('=');
    if (equals == std::string_view::npos) return {};
    std::string_view key = trim(value.substr(0, equals));
    value = value.substr(equals + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t\r\n"), value.size()));
    std::string text;
    if (value.starts_with('"')) {
      std::size_t i = 1;
      for (; i < value.size() && value[i] != '"'; ++i) {
        if (value[i] == '\\' && i + 1 < value.size()) ++i;
        text += value[i];
      }
      value.remove_prefix(std::min(i, value.size()));
    } else {
      text = trim(value.substr(0, value.find(';')));
    }
    if (base::equal_nocase(key, name)) return text;
    at = value.find(';');
  }
  return {};
}

std::string decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    std::uint32_t digit = 0;
    if (c >= 'A' && c <= 'Z')
      digit = static_cast<std::uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      digit = static_cast<std::uint32_t>(c - 'a') + 26;
    else if (base::is_digit(c))
      digit = static_cast<std::uint32_t>(c - '0') + 52;
    else if (c == '+')
      digit = 62;
    else if (c == '/')
      digit = 63;
    else
      continue;  // line ends, padding, and what should not be there
    bits = bits << 6 | digit;
    // Of four digits the first gives no byte yet.
    if (count++ % 4 != 0) out += static_cast<char>(bits >> (6 - 2 * ((count - 1) % 4)));
  }
  return out;
}

int hex(char c) {
  if (base::is_digit(c)) return c - '0';
  char letter = base::to_lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

std::string decode_quoted(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
      continue;
    }
    std::string_view rest = text.substr(i + 1);
    if (rest.starts_with("\n")) {
      i += 1;
    } else if (rest.starts_with("\r\n")) {
      i += 2;
    } else if (rest.size() >= 2 && hex(rest[0]) >= 0 && hex(rest[1]) >= 0) {
      out += static_cast<char>(hex(rest[0]) * 16 + hex(rest[1]));
      i += 2;
    } else {
      out += '=';
    }
  }
  return out;
}

void append_point(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else {
    std::string utf32{static_cast<char>(point >> 24), static_cast<char>(point >> 16),
                      static_cast<char>(point >> 8), static_cast<char>(point)};
    out += policy::to_utf8(std::move(utf32), "UTF-32BE");
  }
}

// &#160; &#xA0; &amp; and few more; nothing else is worth a table.
std::size_t decode_entity(std::string_view text, std::string& out) {
  std::size_t end = text.substr(0, 12).find(';');
  if (end == std::string_view::npos) return 0;
  std::string_view name = text.substr(1, end - 1);
  if (name.find_first_of(" &<") != std::string_view::npos) return 0;
  if (name.starts_with('#')) {
    bool hexadecimal = name.size() > 1 && base::to_lower(name[1]) == 'x';
    std::uint32_t point = 0;
    for (char c : name.substr(hexadecimal ? 2 : 1)) {
      int digit = hexadecimal ? hex(c) : base::is_digit(c) ? c - '0' : -1;
      if (digit < 0 || point > 0x10ffff) return 0;
      point = point * (hexadecimal ? 16 : 10) + static_cast<std::uint32_t>(digit);
    }
    if (point == 0 || point > 0x10ffff) return 0;
    append_point(out, point);
  } else if (name == "amp") {
    out += '&';
  } else if (name == "shy" || name == "zwnj" || name == "zwj") {
    // nothing to be seen
  } else {
    out += ' ';  // lt, gt, quot, nbsp: no letter
  }
  return end + 1;
}

// Tags within a line are nothing, so that "v<b></b>ord" is the word that a reader sees;
// others part.
bool parts(std::string_view tag) {
  if (tag.starts_with('/')) tag.remove_prefix(1);
  std::string name = base::lower(tag.substr(0, tag.find_first_of(" \t\r\n/>")));
  constexpr std::array<std::string_view, 14> kInline = {
      "a",     "b",    "big",    "em",  "font", "i", "s",
      "small", "span", "strong", "sub", "sup",  "u", "!--"};
  return std::ranges::find(kInline, name) == kInline.end();
}

std::string html_text(std::string_view html) {
  std::string out;
  while (!html.empty()) {
    if (html.front() == '<') {
      bool comment = html.starts_with("<!--");
      std::size_t end = comment ? html.find("-->") : html.find('>');
      if (end == std::string_view::npos) break;
      if (!comment && parts(html.substr(1, end))) out += ' ';
      html.remove_prefix(end + (comment ? 3 : 1));
      continue;
    }
    std::size_t taken = html.front() == '&' ? decode_entity(html, out) : 0;
    if (taken == 0) {
      out += html.front();
      taken = 1;
    }
    html.remove_prefix(taken);
  }
  return out;
}

class Reader {
 public:
  Reader(std::size_t limit, const std::function<void(std::string_view)>& take)
      : limit_(limit), take_(take) {}

  void read(std::string_view text, unsigned depth, bool message) {
    if (depth > kDeepest || ++parts_ > kMostParts) return;
    Entity entity = split_entity(text);
    if (message) read_subject(entity.headers);
    std::string_view type_field = find_header(entity.headers, "Content-Type");
    std::string type = base::lower(trim(type_field.substr(0, type_field.find(';'))));
    if (type.starts_with("multipart/")) {
      std::string boundary = parameter(type_field, "boundary");
      if (!boundary.empty()) return read_parts(entity.body, "--" + boundary, depth);
    }
    if (type == "message/rfc822") return read(entity.body, depth + 1, true);
    if (type.empty() || type.starts_with("text/") || type.starts_with("multipart/"))
      read_text(entity, type, parameter(type_field, "charset"));
  }

 private:
  void read_subject(std::string_view headers) {
    std::string_view subject = find_header(headers, "Subject");
    if (!subject.empty())
      take_(policy::decode_mime_words(subject.substr(0, limit_), "UTF-8", true));
  }

  // The parts lie between lines that begin with the boundary (RFC 2046 section 5.1.1).
  void read_parts(std::string_view body, const std::string& line, unsigned depth) {
    std::size_t begin = std::string_view::npos;
    std::size_t at = body.starts_with(line) ? 0 : body.find("\n" + line);
    while (at != std::string_view::npos) {
      if (begin != std::string_view::npos)
        read(body.substr(begin, at + 1 - begin), depth + 1, false);
      std::size_t after = at + line.size() + (body[at] == '\n' ? 1 : 0);
      if (body.substr(after).starts_with("--")) return;
      std::size_t end = body.find('\n', after);
      if (end == std::string_view::npos) return;
      begin = end + 1;
      at = body.find("\n" + line, end);
    }
    if (begin != std::string_view::npos) read(body.substr(begin), depth + 1, false);
  }

  void read_text(const Entity& entity, std::string_view type,
                 const std::string& charset) {
    std::string_view coding =
        trim(find_header(entity.headers, "Content-Transfer-Encoding"));
    std::string_view body = entity.body.substr(0, limit_);
    std::string text;
    if (base::equal_nocase(coding, "base64"))
      text = decode_base64(body);
    else if (base::equal_nocase(coding, "quoted-printable"))
      text = decode_quoted(body);
    else
      text = body;
    if (!charset.empty() && !base::equal_nocase(charset, "us-ascii"))
      text = policy::to_utf8(std::move(text), charset);
    if (type == "text/html") text = html_text(text);
    take_(text);
  }

  std::size_t limit_;
  const std::function<void(std::string_view)>& take_;
  unsigned parts_ = 0;
};

}  // namespace

void read_mail_text(std::string_view message, std::size_t limit,
                    const std::function<void(std::string_view)>& take) {
  Reader(limit, take).read(message, 0, true);
}

}  // namespace receiver
