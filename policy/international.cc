// SPDX-License-Identifier: Apache-2.0
#include "policy/international.h"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/text.h"
#include "policy/source.h"

namespace policy {
namespace {

std::unexpected<base::Error> wrong(std::string_view text, std::string_view what) {
  return base::fail(base::Code::syntax, quote(text) + ": " + std::string(what));
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

struct Sequence {
  std::size_t size = 1;               // bytes it takes
  std::optional<char32_t> character;  // none: malformed
};

// The sequence `text` starts with: well-formed, or as much of a malformed one as cannot
// begin another.
Sequence first_sequence(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead};
  if (lead < 0xc2 || lead > 0xf7) return {1, std::nullopt};
  std::size_t wanted = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  char32_t character = lead & (0x7fU >> wanted);
  for (std::size_t i = 1; i < wanted; ++i) {
    if (i >= text.size() || byte(i) >> 6 != 2) return {i, std::nullopt};
    character = character << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  bool sound = character >= kSmallest[wanted] && character <= 0x10ffff &&
               !(character >= 0xd800 && character <= 0xdfff);
  return {wanted, sound ? std::optional(character) : std::nullopt};
}

void append_utf8(std::string& out, char32_t c) {
  auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

std::optional<std::u32string> decode_utf8(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    Sequence sequence = first_sequence(text);
    if (!sequence.character) return std::nullopt;
    out += *sequence.character;
    text.remove_prefix(sequence.size);
  }
  return out;
}

// Punycode for local parts (RFC 3492): libidn2 keeps its own to itself.
namespace punycode {

constexpr std::uint32_t kBase = 36, kMin = 1, kMax = 26, kSkew = 38, kDamp = 700;
constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kLongest = 1000;  // characters: the work grows with the square

std::uint32_t adapted_bias(std::uint32_t delta, std::uint32_t count, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / count;
  std::uint32_t k = 0;
  for (; delta > (kBase - kMin) * kMax / 2; k += kBase) delta /= kBase - kMin;
  return k + (kBase - kMin + 1) * delta / (delta + kSkew);
}

std::uint32_t threshold(std::uint32_t k, std::uint32_t bias) {
  return k <= bias ? kMin : std::min(k - bias, kMax);
}

std::optional<std::string> encode(const std::u32string& text) {
  if (text.size() > kLongest) return std::nullopt;
  std::string out;
  for (char32_t c : text)
    if (c < 0x80) out += static_cast<char>(c);
  auto basic = static_cast<std::uint32_t>(out.size());
  std::uint32_t done = basic, delta = 0, bias = 72;
  char32_t next = 0x80;
  if (basic > 0) out += '-';
  while (done < text.size()) {
    char32_t least = 0x110000;
    for (char32_t c : text)
      if (c >= next) least = std::min(least, c);
    delta += (least - next) * (done + 1);  // at most 0x110000 * 1001: it fits
    next = least;
    for (char32_t c : text) {
      if (c < next) ++delta;
      if (c != next) continue;
      std::uint32_t q = delta;
      for (std::uint32_t k = kBase;; k += kBase) {
        std::uint32_t t = threshold(k, bias);
        if (q < t) break;
        out += kDigits[t + (q - t) % (kBase - t)];
        q = (q - t) / (kBase - t);
      }
      out += kDigits[q];
      bias = adapted_bias(delta, done + 1, done == basic);
      delta = 0;
      ++done;
    }
    ++delta;
    ++next;
  }
  return out;
}

std::optional<std::u32string> decode(std::string_view text) {
  if (text.size() > kLongest || !is_ascii(text)) return std::nullopt;
  std::u32string out;
  std::size_t hyphen = text.rfind('-');
  if (hyphen != std::string_view::npos) {
    out.assign(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(hyphen));
    text.remove_prefix(hyphen + 1);
  }
  std::uint64_t next = 0x80;
  std::uint64_t place = 0;
  std::uint32_t bias = 72;
  while (!text.empty()) {
    std::uint64_t before = place, weight = 1;
    for (std::uint32_t k = kBase;; k += kBase) {
      if (text.empty()) return std::nullopt;
      std::size_t digit = kDigits.find(base::to_lower(text.front()));
      if (digit == std::string_view::npos) return std::nullopt;
      text.remove_prefix(1);
      place += digit * weight;
      if (place > 0xffffffff) return std::nullopt;
      std::uint32_t t = threshold(k, bias);
      if (digit < t) break;
      weight *= kBase - t;
      if (weight > 0xffffffff) return std::nullopt;
    }
    std::uint64_t count = out.size() + 1;
    bias = adapted_bias(static_cast<std::uint32_t>(place - before),
                        static_cast<std::uint32_t>(count), before == 0);
    next += place / count;
    place %= count;
    if (next > 0x10ffff || (next >= 0xd800 && next <= 0xdfff)) return std::nullopt;
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(place),
               static_cast<char32_t>(next));
    ++place;
  }
  return out;
}

}  // namespace punycode

constexpr std::string_view kPrefix = "xn--";

// What both directions of the library have in common.
template <class Convert>
base::Result<std::string> convert_domain(std::string_view domain, Convert convert) {
  if (domain.contains('\0')) return wrong(domain, "a NUL is in the domain");
  char* made = nullptr;
  int error = convert(std::string(domain).c_str(), &made);
  if (error != IDN2_OK) return wrong(domain, idn2_strerror(error));
  std::string out = made;
  idn2_free(made);
  return out;
}

}  // namespace

std::string clean_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    Sequence sequence = first_sequence(text);
    if (sequence.character)
      out += text.substr(0, sequence.size);
    else
      out += '?';
    text.remove_prefix(sequence.size);
  }
  return out;
}

std::string utf8_to_latin1(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    Sequence sequence = first_sequence(text);
    out += sequence.character && *sequence.character < 0x100
               ? static_cast<char>(*sequence.character)
               : '_';
    text.remove_prefix(sequence.size);
  }
  return out;
}

base::Result<std::string> domain_to_alabel(std::string_view domain) {
  if (is_ascii(domain)) return std::string(domain);
  return convert_domain(domain, [](const char* from, char** to) {
    return idn2_to_ascii_8z(from, to, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  });
}

base::Result<std::string> domain_from_alabel(std::string_view domain) {
  std::string letters = base::lower(domain);
  if (!letters.starts_with(kPrefix) && !letters.contains(".xn--"))
    return std::string(domain);
  return convert_domain(domain, [](const char* from, char** to) {
    return idn2_to_unicode_8z8z(from, to, 0);
  });
}

base::Result<std::string> localpart_to_alabel(std::string_view local_part) {
  if (is_ascii(local_part)) return std::string(local_part);
  auto characters = decode_utf8(local_part);
  if (!characters) return wrong(local_part, "this is not UTF-8");
  auto encoded = punycode::encode(*characters);
  if (!encoded) return wrong(local_part, "the local part is too long");
  return std::string(kPrefix) + *encoded;
}

base::Result<std::string> localpart_from_alabel(std::string_view local_part) {
  if (!local_part.starts_with(kPrefix))
    return wrong(local_part, "the prefix 'xn--' is missing");
  auto characters = punycode::decode(local_part.substr(kPrefix.size()));
  if (!characters) return wrong(local_part, "this is not Punycode");
  std::string out;
  for (char32_t c : *characters) append_utf8(out, c);
  return out;
}

}  // namespace policy
