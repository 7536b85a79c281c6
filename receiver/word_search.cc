// SPDX-License-Identifier: Apache-2.0
#include "receiver/word_search.h"

#include <clocale>
#include <cwctype>

#include "base/text.h"

namespace receiver {

namespace {

// What letters are and how they are folded: Unicode, wherever we run.
locale_t unicode() {
  static const locale_t kUnicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kUnicode;
}

// The code point at the start and its length; length 0: malformed or cut.
struct Point {
  char32_t value;
  std::size_t length;
};

Point first_point(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(0);
  std::size_t length = lead < 0xc2   ? 0
                       : lead < 0xe0 ? 2
                       : lead < 0xf0 ? 3
                       : lead < 0xf5 ? 4
                                     : 0;
  if (length == 0 || text.size() < length) return {0, 0};
  char32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    value = value << 6 | (byte(i) & 0x3f);
  }
  return {value, length};
}

void append_point(std::string& out, char32_t value) {
  auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xc0 | value >> 6);
    put(0x80 | (value & 0x3f));
  } else if (value < 0x10000) {
    put(0xe0 | value >> 12);
    put(0x80 | (value >> 6 & 0x3f));
    put(0x80 | (value & 0x3f));
  } else {
    put(0xf0 | value >> 18);
    put(0x80 | (value >> 12 & 0x3f));
    put(0x80 | (value >> 6 & 0x3f));
    put(0x80 | (value & 0x3f));
  }
}

// Lower case of ASCII letters and digits, 0 for the rest.
constexpr std::array<char, 128> kAscii = [] {
  std::array<char, 128> table{};
  for (char c : std::string_view("0123456789abcdefghijklmnopqrstuvwxyz"))
    table[static_cast<unsigned char>(c)] = c;
  for (char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    table[static_cast<unsigned char>(c)] = base::to_lower(c);
  return table;
}();

// Written to hide words: soft hyphen, zero width characters, variation selectors.
bool is_invisible(char32_t point) {
  return point == 0xad || (point >= 0x200b && point <= 0x200f) || point == 0x2060 ||
         point == 0xfeff || (point >= 0xfe00 && point <= 0xfe0f);
}

}  // namespace

PlainText::PlainText() = default;

void PlainText::add(std::string_view utf8, std::string& plain) {
  while (!utf8.empty()) {
    auto lead = static_cast<unsigned char>(utf8.front());
    if (lead < 0x80) {
      char c = kAscii[lead];
      utf8.remove_prefix(1);
      if (c == 0) {
        part(plain);
      } else {
        plain += c;
        blank_ = false;
      }
      continue;
    }
    Point point = first_point(utf8);
    utf8.remove_prefix(point.length == 0 ? 1 : point.length);
    if (is_invisible(point.value)) continue;
    auto wide = static_cast<std::wint_t>(point.value);
    if (point.length == 0 || !::iswalnum_l(wide, unicode())) {
      part(plain);
    } else {
      append_point(plain, static_cast<char32_t>(::towlower_l(wide, unicode())));
      blank_ = false;
    }
  }
}

void PlainText::part(std::string& plain) {
  if (!blank_) plain += ' ';
  blank_ = true;
}

std::string plain_pattern(std::string_view word) {
  std::string plain;
  PlainText text;
  text.part(plain);
  text.add(word, plain);
  text.part(plain);
  if (plain.size() < 3) return {};
  if (word.ends_with('*')) plain.pop_back();
  if (word.starts_with('*')) plain.erase(0, 1);
  return plain;
}

WordSearch::WordSearch(const std::vector<std::string>& patterns)
    : nodes_(1), same_(patterns.size(), kNone) {
  first_.fill(kNone);
  std::size_t bytes = 1;
  for (const std::string& pattern : patterns) bytes += pattern.size();
  nodes_.reserve(bytes);
  for (std::size_t i = 0; i < patterns.size(); ++i)
    if (!patterns[i].empty()) insert(patterns[i], static_cast<Index>(i));
  link();
}

WordSearch::Index WordSearch::child(Index node, char byte) const {
  if (node == 0) return first_[static_cast<unsigned char>(byte)];
  Index one = nodes_[node].child;
  while (one != kNone && nodes_[one].byte != byte) one = nodes_[one].sibling;
  return one;
}

void WordSearch::insert(std::string_view pattern, Index number) {
  Index node = 0;
  for (char byte : pattern) {
    Index next = child(node, byte);
    if (next == kNone) {
      next = static_cast<Index>(nodes_.size());
      Node& made = nodes_.emplace_back();
      made.byte = byte;
      made.sibling = nodes_[node].child;
      nodes_[node].child = next;
      if (node == 0) first_[static_cast<unsigned char>(byte)] = next;
    }
    node = next;
  }
  same_[number] = nodes_[node].pattern;
  nodes_[node].pattern = number;
}

WordSearch::Index WordSearch::next(Index node, char byte) const {
  while (true) {
    Index to = child(node, byte);
    if (to != kNone) return to;
    if (node == 0) return 0;
    node = nodes_[node].fail;
  }
}

// Shorter beginnings first: each link leads to a node that has its own already.
void WordSearch::link() {
  std::vector<Index> queue;
  queue.reserve(nodes_.size());
  queue.push_back(0);
  for (std::size_t at = 0; at < queue.size(); ++at) {
    Index node = queue[at];
    for (Index one = nodes_[node].child; one != kNone; one = nodes_[one].sibling) {
      queue.push_back(one);
      Index fail = node == 0 ? 0 : next(nodes_[node].fail, nodes_[one].byte);
      nodes_[one].fail = fail;
      nodes_[one].hit = nodes_[fail].pattern != kNone ? fail : nodes_[fail].hit;
    }
  }
}

void WordSearch::feed(std::string_view text,
                      const std::function<void(std::size_t)>& found) {
  for (char byte : text) {
    node_ = next(node_, byte);
    Index hit = nodes_[node_].pattern != kNone ? node_ : nodes_[node_].hit;
    for (; hit != kNone; hit = nodes_[hit].hit)
      for (Index pattern = nodes_[hit].pattern; pattern != kNone;
           pattern = same_[pattern])
        found(pattern);
  }
}

}  // namespace receiver
