// SPDX-License-Identifier: Apache-2.0
//
// A terminal as a screen: keys come at once and without an echo, lines replace what was
// shown.  Whatever ends the program, a signal included, the terminal is as it was.
//
// ECMA-48 sequences that every terminal of today knows; no terminal database is asked.
#pragma once

#include <signal.h>
#include <termios.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace utils {

struct Key {
  enum class Kind : unsigned char { character, up, down, page_up, page_down };
  Kind kind = Kind::character;
  char character = 0;

  bool operator==(const Key&) const = default;
};

// The first key of what a terminal sent, which is taken from it.  Nothing: there is no
// whole one.
std::optional<Key> take_key(std::string& bytes);

class Terminal {
 public:
  struct Size {
    std::size_t lines = 24, columns = 80;
  };

  // Are standard input and output a terminal?
  static bool is_there();
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  Size size() const;
  // Shows the lines, cut to the size; that one inversely.
  base::Result<void> show(std::span<const std::string> lines, std::size_t inverse);
  // Nothing: the time is over, or the size changed, or a signal told us to end.
  std::optional<Key> wait_key(std::chrono::milliseconds patience);
  // A signal did, or the terminal is gone.
  bool ended() const;

 private:
  termios before_{};
  sigset_t mask_{};  // as it was
  std::string bytes_;
  bool gone_ = false;
};

}  // namespace utils
