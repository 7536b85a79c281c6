// SPDX-License-Identifier: Apache-2.0
//
// Whose turn is it?  Sites that wait for a connection, when there are not enough.
//
// Deficit round robin (Shreedhar and Varghese 1995): in a round each site has one turn,
// which is worth one connection and a few legs.  Within a round the sites with fewer
// legs go first, by powers of two; equals in the order they came.  Joining and serving
// cost the same however many wait.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "qrunner/sites.h"

namespace qrunner {

class Turns {
 public:
  // A site waits, and is not waiting yet; `served` is the round of its last turn.
  void join(SiteIndex site, std::size_t legs, std::uint32_t served);
  // The next one's turn begins.  Not if nobody waits.
  SiteIndex next();

  bool empty() const { return rounds_[0].size + rounds_[1].size == 0; }
  std::uint32_t round() const { return round_; }

 private:
  struct Round {
    std::array<std::deque<SiteIndex>, 65> by_legs;  // index: digits of the count
    std::size_t size = 0;
  };

  Round& round_at(std::uint32_t number) { return rounds_[number % 2]; }

  std::array<Round, 2> rounds_;  // this one and the next
  std::uint32_t round_ = 1;
};

}  // namespace qrunner
