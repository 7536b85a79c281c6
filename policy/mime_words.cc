// SPDX-License-Identifier: Apache-2.0
#include "policy/mime_words.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/text.h"
#include "policy/text_codes.h"

namespace policy {
namespace {

constexpr std::size_t kLongestWord = 75;         // RFC 2047 section 2
constexpr std::size_t kLongestUnchecked = 1000;  // a line; all else is an attack

// One converter, closed at the end.
class Converter {
 public:
  Converter(const std::string& to, const std::string& from)
      : iconv_(iconv_open(to.c_str(), from.c_str())) {}
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  ~Converter() {
    if (known()) iconv_close(iconv_);
  }

  bool known() const { return reinterpret_cast<std::intptr_t>(iconv_) != -1; }

  // Bytes that mean nothing become '?'.
  std::string convert(std::string bytes) const {
    std::string out;
    char* in = bytes.data();
    std::size_t left = bytes.size();
    while (left > 0) {
      char buffer[512];
      char* to = buffer;
      std::size_t room = sizeof buffer;
      std::size_t result = iconv(iconv_, &in, &left, &to, &room);
      out.append(buffer, to);
      if (result != static_cast<std::size_t>(-1) || errno == E2BIG) continue;
      out += '?';
      ++in;
      --left;
    }
    return out;
  }

 private:
  iconv_t iconv_;
};

bool is_blank_text(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::optional<std::string> decode_q(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return std::nullopt;
    if (c == '_') {
      out += ' ';
    } else if (c == '=') {
      auto byte = from_hex(text.substr(i + 1, 2));
      if (!byte || byte->size() != 1) return std::nullopt;
      out += *byte;
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> decode_b(std::string_view text) {
  auto bytes = from_base64(text);
  if (!bytes) return std::nullopt;
  return *std::move(bytes);
}

struct Word {
  std::size_t begin, end;  // in the text, "=?" to "?="
  std::string_view charset;
  std::string bytes;
};

// The next word at or behind `from`.
std::optional<Word> find_word(std::string_view text, std::size_t from,
                              bool any_length) {
  for (std::size_t begin = text.find("=?", from); begin != std::string_view::npos;
       begin = text.find("=?", begin + 1)) {
    std::string_view rest =
        text.substr(begin, any_length ? kLongestUnchecked : kLongestWord);
    std::size_t charset_end = rest.find('?', 2);
    if (charset_end == std::string_view::npos || charset_end + 2 >= rest.size() ||
        rest[charset_end + 2] != '?')
      continue;
    std::size_t start = charset_end + 3;
    std::size_t end = rest.find("?=", start);
    if (end == std::string_view::npos) continue;
    char encoding = base::to_lower(rest[charset_end + 1]);
    std::string_view inside = rest.substr(start, end - start);
    auto bytes = encoding == 'q'   ? decode_q(inside)
                 : encoding == 'b' ? decode_b(inside)
                                   : std::nullopt;
    if (!bytes) continue;
    std::string_view charset = rest.substr(2, charset_end - 2);
    // RFC 2231 allows a language: "utf-8*en".
    charset = charset.substr(0, charset.find('*'));
    return Word{begin, begin + end + 2, charset, *std::move(bytes)};
  }
  return std::nullopt;
}

// False if the charset `from` is none that iconv knows.
bool convert(std::string& bytes, std::string_view from, std::string_view to) {
  if (to.empty() || base::equal_nocase(from, to)) return true;
  // iconv would take options behind a slash, and the locale's for an empty name.
  if (from.empty() || from.contains('/') || from.contains('\0')) return false;
  Converter converter{std::string(to), std::string(from)};
  if (!converter.known()) return false;
  bytes = converter.convert(std::move(bytes));
  return true;
}

}  // namespace

std::string decode_mime_words(std::string_view text, std::string_view charset,
                              bool any_length) {
  std::string out;
  std::size_t done = 0;
  bool after_word = false;
  for (auto word = find_word(text, 0, any_length); word;) {
    std::size_t begin = word->begin, end = word->end;
    std::string_view from = word->charset;
    std::string bytes = std::move(word->bytes);
    // Neighbours in one charset are decoded as one: writers cut between the bytes of a
    // character, though they should not.
    for (word = find_word(text, end, any_length);
         word && is_blank_text(text.substr(end, word->begin - end)) &&
         base::equal_nocase(word->charset, from);
         word = find_word(text, end, any_length)) {
      bytes += word->bytes;
      end = word->end;
    }
    std::replace(bytes.begin(), bytes.end(), '\0', '?');

    // In a charset that nobody knows, the words stay as they are.
    bool known = convert(bytes, from, charset);
    std::string_view between = text.substr(done, begin - done);
    if (!after_word || !known || !is_blank_text(between)) out += between;
    out += known ? std::string_view(bytes) : text.substr(begin, end - begin);
    after_word = known;
    done = end;
  }
  out += text.substr(done);
  return out;
}

std::string to_utf8(std::string bytes, std::string_view charset) {
  convert(bytes, charset, "UTF-8");
  return bytes;
}

std::string encode_mime_words(std::string_view text, std::string_view charset) {
  // RFC 2047 section 5, rule (3), would encode more; these suffice in all places.
  auto must_encode = [](char c) {
    return c < ' ' || c > '~' || std::string_view("?=()<>@,;:\\\".[]_").contains(c);
  };
  if (std::none_of(text.begin(), text.end(), must_encode)) return std::string(text);

  bool utf8 = base::equal_nocase(charset, "utf-8");
  auto continues = [&](char c) {
    return utf8 && (static_cast<unsigned char>(c) >> 6) == 2;
  };
  const std::string head = "=?" + std::string(charset) + "?Q?";
  std::string out = head;
  std::size_t word = 0;  // where the current one begins
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;  // a character is not cut
    while (end < text.size() && end - i < 4 && continues(text[end])) ++end;
    std::string encoded;
    for (char c : text.substr(i, end - i)) {
      if (c == ' ')
        encoded += '_';
      else if (must_encode(c))
        encoded += '=' + to_hex({&c, 1}, HexCase::upper);
      else
        encoded += c;
    }
    if (out.size() - word + encoded.size() + 2 > kLongestWord &&
        out.size() - word > head.size()) {
      out += "?= ";
      word = out.size();
      out += head;
    }
    out += encoded;
    i = end;
  }
  return out + "?=";
}

}  // namespace policy
