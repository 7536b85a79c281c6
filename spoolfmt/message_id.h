// SPDX-License-Identifier: Apache-2.0
//
// Exim's message ids: `tttttt-pppppp-ss` (to 4.96) and `tttttt-ppppppppppp-ssss`
// (4.97).
//
// t is the second reception began, p the process, s the part of the second, all in base
// 62 (0-9 A-Z a-z).  What s counts depends on the release and on localhost_number, so
// decoding it takes an IdScheme; everything else is read from the id itself (Exim
// manual, "Message identification").
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace spoolfmt {

// A value of 16 or 23 characters, or empty when default-constructed.
class MessageId {
 public:
  static constexpr std::size_t kOldLength = 16;
  static constexpr std::size_t kLongLength = 23;

  MessageId() = default;
  // Nothing if `text` is not exactly an id of either form.
  static std::optional<MessageId> parse(std::string_view text);
  // The first word of `line` that is an id, bare or inside other text such as `exim
  // -bp` prints; for ids read from standard input.
  static std::optional<MessageId> find_in(std::string_view line);

  std::string_view text() const { return {text_.data(), size_}; }
  std::string str() const { return std::string(text()); }
  bool empty() const { return size_ == 0; }
  bool is_long() const { return size_ == kLongLength; }

  // The name of its subdirectory in a split spool: the last digit of the seconds.
  char split_letter() const { return text_[5]; }
  // Length of the first line of its -H and -D files, which is the offset of the body
  // and the length of the lock.
  std::size_t first_line_length() const { return size_ + 3U; }
  std::chrono::sys_seconds time() const;

  // By bytes; for the order of a queue see queue_order.
  auto operator<=>(const MessageId&) const = default;

 private:
  std::array<char, kLongLength> text_{};
  std::uint8_t size_ = 0;
};

// Exim's order of a sorted queue: the second, then what follows the second hyphen; the
// process does not count.  Works on ids and on -H file names alike; true if a comes
// first.
bool queue_order(std::string_view a, std::string_view b);

// How a release turns the part of a second into the last digits.
struct IdScheme {
  enum class Release { to_4_95, v4_96, v4_97 };

  Release release = Release::v4_96;
  unsigned base = 62;                        // 36 on case-insensitive file systems
  std::optional<unsigned> localhost_number;  // set, even to 0, is not the same as unset

  std::size_t id_length() const {
    return release == Release::v4_97 ? MessageId::kLongLength : MessageId::kOldLength;
  }
  // Microseconds one step of the last digits stands for.
  unsigned tick() const;
};

struct IdParts {
  std::int64_t seconds = 0;
  std::uint64_t pid = 0;
  unsigned microseconds = 0;                 // rounded down to the scheme's tick
  std::optional<unsigned> localhost_number;  // if the scheme has one
};

IdParts decode(const MessageId& id, const IdScheme& scheme);
MessageId encode(const IdParts& parts, const IdScheme& scheme);

// Makes ids that are unique over the threads of this process and, with O_EXCL on the -D
// file, over all.
//
// Exim allows a process one message per tick and waits for the next tick; a 5 ms tick
// would hold a server with many sessions to 200 messages a second.  So when a tick is
// used up we add 2^22, Linux's largest pid, to the process digits: such a number is
// nobody's pid, and nobody waits.
class MessageIdSource {
 public:
  MessageIdSource(IdScheme scheme, std::uint64_t pid) : scheme_(scheme), pid_(pid) {}

  // An id never given before, for a message whose reception starts at `now`.
  MessageId next(base::Time now);

  // Somebody else gives the ids that we give: from now on ours are far from theirs.
  void avoid_others();

 private:
  IdScheme scheme_;
  std::mutex mutex_;
  std::uint64_t pid_;
  std::int64_t last_tick_ = 0;  // microseconds since 1970, whole ticks
  std::uint64_t lane_ = 0;
};

}  // namespace spoolfmt
