// SPDX-License-Identifier: Apache-2.0
#include "qrunner/turns.h"

#include <bit>
#include <cassert>

namespace qrunner {

void Turns::join(SiteIndex site, std::size_t legs, std::uint32_t served) {
  Round& round = round_at(served == round_ ? round_ + 1 : round_);
  round.by_legs[static_cast<std::size_t>(std::bit_width(legs))].push_back(site);
  ++round.size;
}

SiteIndex Turns::next() {
  assert(!empty());
  if (round_at(round_).size == 0) ++round_;
  Round& round = round_at(round_);
  for (auto& waiting : round.by_legs) {
    if (waiting.empty()) continue;
    SiteIndex site = waiting.front();
    waiting.pop_front();
    --round.size;
    return site;
  }
  return 0;  // never: the size said that somebody waits
}

}  // namespace qrunner
