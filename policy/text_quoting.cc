// SPDX-License-Identifier: Apache-2.0
#include "policy/text_quoting.h"

#include <algorithm>

namespace policy {
namespace {

constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void append_octal(std::string& out, unsigned char byte) {
  out += '\\';
  out += static_cast<char>('0' + (byte >> 6));
  out += static_cast<char>('0' + (byte >> 3 & 7));
  out += static_cast<char>('0' + (byte & 7));
}

// The letter that stands for a control character after a backslash; 0 if none does.
constexpr char escape_letter(char c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\v':
      return 'v';
    default:
      return 0;
  }
}

std::string in_double_quotes(std::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 8);
  for (char c : text) {
    if (c == '\n' || c == '\r') {
      out += '\\';
      c = escape_letter(c);
    } else if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  out += '"';
  return out;
}

}  // namespace

std::string escape(std::string_view text, bool top_bit_prints) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    bool prints =
        c == '\t' || (byte >= 0x20 && byte < 0x7f) || (byte >= 0x80 && top_bit_prints);
    if (prints) {
      out += c;
    } else if (char letter = escape_letter(c)) {
      out += '\\';
      out += letter;
    } else {
      append_octal(out, byte);
    }
  }
  return out;
}

std::string escape_8bit(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x7f || c == '\\')
      append_octal(out, byte);
    else
      out += c;
  }
  return out;
}

std::string hex_quote(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x21 && byte <= 0x7e) {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string regex_quote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  for (char c : text) {
    if (!is_alphanumeric(c)) out += '\\';
    out += c;
  }
  return out;
}

std::string quote_text(std::string_view text) {
  bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || c == '_' || c == '-' || c == '.';
  });
  return plain ? std::string(text) : in_double_quotes(text);
}

std::string quote_local_part(std::string_view text) {
  bool plain = !text.empty() && text.front() != '.' && text.back() != '.' &&
               std::all_of(text.begin(), text.end(), [](char c) {
                 return is_alphanumeric(c) ||
                        std::string_view(".!#$%&'*+-/=?^_`{|}~").contains(c);
               });
  return plain ? std::string(text) : in_double_quotes(text);
}

std::string wrap_header(std::string_view text, std::size_t columns, std::size_t limit) {
  std::string out;
  out.reserve(text.size() + text.size() / 40);
  while (!text.empty()) {
    // No further than needed: a long line is looked at once, not once for each fold.
    std::string_view window = text.substr(0, columns + 1);
    std::size_t line = window.find('\n');
    if (line == std::string_view::npos && window.size() == text.size() &&
        text.size() <= columns)
      line = text.size();
    if (line != std::string_view::npos) {
      line = std::min(line + 1, text.size());
      out += text.substr(0, line);
      text.remove_prefix(line);
      continue;
    }
    // The last blank in the window starts the next line; failing that, the first that
    // comes; failing that, there is the limit.
    std::size_t word = window.find_first_not_of(" \t");
    std::size_t fold = window.find_last_of(" \t");
    if (fold == std::string_view::npos || word == std::string_view::npos ||
        fold < word) {
      window = limit > 0 ? text.substr(0, limit + 1) : text;
      word = std::min(window.find_first_not_of(" \t"), window.size());
      fold = std::min(window.find_first_of(" \t\n", word), window.size());
    }
    bool by_force = limit > 0 && fold > limit;
    if (by_force) fold = limit;
    out += text.substr(0, fold);
    text.remove_prefix(fold);
    if (text.empty()) break;
    if (text.front() == '\n') text.remove_prefix(1);
    out += by_force ? "\n " : "\n";
  }
  return out;
}

}  // namespace policy
