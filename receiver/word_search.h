// SPDX-License-Identifier: Apache-2.0
//
// Many words looked for at once, in one pass over a text (Aho and Corasick 1975), and
// the plain form of text in which they are looked for.
//
// Plain text is letters and digits in lower case, and one blank for all that stands
// between.  A word with its blanks is a pattern of it, so where words begin and end
// needs no further question, and a text may come in pieces.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace receiver {

// Makes UTF-8 plain, piece by piece.  A malformed byte is no letter.
class PlainText {
 public:
  PlainText();
  void add(std::string_view utf8, std::string& plain);
  // A blank, unless there is one: nothing grows together over a border.
  void part(std::string& plain);

 private:
  bool blank_ = false;
};
// " buy now " for "Buy  NOW!"; a star at an end lets the word begin or end anywhere:
// "pill" for "*pill*".  Empty: there is no letter in it.
std::string plain_pattern(std::string_view word);

class WordSearch {
 public:
  // Patterns that are empty are never found.
  explicit WordSearch(const std::vector<std::string>& patterns);

  // Calls `found` with the number of each pattern that ends in `text`; goes on where
  // the last call stopped.
  void feed(std::string_view text, const std::function<void(std::size_t)>& found);

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xffffffff;
  // A trie; `fail` leads to the longest other beginning that ends here, `hit` to the
  // nearest of these that is a whole pattern.
  struct Node {
    Index child = kNone, sibling = kNone;
    Index fail = 0, hit = kNone;
    Index pattern = kNone;
    char byte = 0;
  };

  Index child(Index node, char byte) const;
  Index next(Index node, char byte) const;
  void insert(std::string_view pattern, Index number);
  void link();

  std::vector<Node> nodes_;
  std::array<Index, 256> first_;  // children of the root, where a search mostly is
  std::vector<Index> same_;       // the same pattern once more, by number
  Index node_ = 0;
};

}  // namespace receiver
