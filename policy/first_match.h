// SPDX-License-Identifier: Apache-2.0
//
// Which of many plain patterns fits first, without asking each of them (spec/policy.md
// 19.1): words in a hash table, endings and networks sorted so that what encloses a
// subject is found from its nearest neighbour.
//
// Patterns are numbered by those who add them, in rising order; of equal ones the first
// counts.  Memory is a few words beside the bytes of the patterns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/ip.h"

namespace policy {

using Place = std::uint32_t;
constexpr Place kNowhere = UINT32_MAX;

// Texts that are equal to the subject.
class FirstWord {
 public:
  // False if the word is there already.
  bool add(std::string_view word, Place place);
  Place find(std::string_view subject) const;
  bool empty() const { return words_.empty(); }

 private:
  struct Word {
    std::size_t hash;
    std::uint32_t begin, size;  // in bytes_
    Place place;
  };
  static constexpr std::size_t kFew = 8;  // are compared one by one
  std::string_view text(const Word& word) const {
    return std::string_view(bytes_).substr(word.begin, word.size);
  }
  // Where in slots_ the word is, or would be.
  std::size_t slot_of(std::string_view word, std::size_t hash) const;
  void grow();

  std::string bytes_;
  std::vector<Word> words_;
  // Of more than a few: index into words_, plus 1; 0: free.
  std::vector<std::uint32_t> slots_;
};

// Texts that the subject ends with.
class FirstEnding {
 public:
  void add(std::string_view ending, Place place);
  // To be called once, when all are there.
  void finish();
  Place find(std::string_view subject) const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Ending {
    std::uint32_t begin, size;     // in bytes_
    Place place;                   // the first of this and of those inside it
    std::uint32_t parent = kNone;  // the longest other one that this ends with
  };
  std::string_view text(const Ending& ending) const {
    return std::string_view(bytes_).substr(ending.begin, ending.size);
  }

  std::string bytes_;
  std::vector<Ending> endings_;
};

// Networks that hold an address.  Families are apart: a mapped network holds no v4
// address.
class FirstNetwork {
 public:
  void add(const IpNetwork& network, Place place);
  void finish();
  Place find(const Ip& ip) const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Network {
    Ip first;  // bits behind the mask are zero
    unsigned bits;
    Place place;                   // the first of this and of those around it
    std::uint32_t parent = kNone;  // the smallest other one around it
  };
  std::vector<Network> networks_;
};

}  // namespace policy
