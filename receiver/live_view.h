// SPDX-License-Identifier: Apache-2.0
//
// A receiver on its board (base/shared_board.h): what bobbin-top(1) shows of it, a row
// for each address where clients come in, and their sums.
//
// Loops count for themselves (tally.h); here their counts are added up.  All on the
// thread of one loop.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/shared_board.h"
#include "base/smooth_rate.h"
#include "receiver/tally.h"

namespace receiver {

class LiveView {
 public:
  using Instant = base::SmoothRate::Instant;

  struct Door {
    std::string address;
    std::vector<const Tally*> tallies;  // one a loop
  };
  // What is not counted at a door.
  struct State {
    std::size_t limit = 0;  // of open sessions; 0: none
    std::size_t awaiting_disk = 0;
    bool draining = false;
  };

  // Clock and tallies must outlive it.
  LiveView(base::SharedBoard board, std::string queue, std::vector<Door> doors,
           const base::Clock& clock);

  void show(const State& state, Instant now);
  // What is on the board then.
  base::BoardPage page(const State& state, Instant now);

 private:
  base::SharedBoard board_;
  const std::string queue_;
  const std::vector<Door> doors_;
  const base::Clock& clock_;
  std::vector<base::SmoothRate> rates_;  // of each door
  base::SmoothRate rate_;                // of all
};

}  // namespace receiver
