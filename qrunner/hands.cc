// SPDX-License-Identifier: Apache-2.0
#include "qrunner/hands.h"

namespace qrunner {

void Hands::expect(const spoolfmt::MessageId& id, std::size_t legs) {
  if (legs == 0) return;
  auto [hand, fresh] = hands_.try_emplace(id);
  hand->second.legs = fresh ? legs : hand->second.legs + legs;
}

bool Hands::take(const spoolfmt::MessageId& id, SiteIndex site) {
  Hand& hand = hands_[id];
  if (hand.taken) {
    hand.waiting.push_back(site);
    return false;
  }
  hand.taken = true;
  return true;
}

bool Hands::last(const spoolfmt::MessageId& id) const {
  auto hand = hands_.find(id);
  return hand == hands_.end() || hand->second.legs == 1;
}

Carried Hands::carried(const spoolfmt::MessageId& id) {
  return std::exchange(hands_[id].carried, {});
}

std::vector<Tried> Hands::tried(const spoolfmt::MessageId& id) const {
  auto hand = hands_.find(id);
  return hand == hands_.end() ? std::vector<Tried>() : hand->second.carried.tried;
}

std::vector<SiteIndex> Hands::let_go(const spoolfmt::MessageId& id, Carried carried,
                                     bool again) {
  auto found = hands_.find(id);
  if (found == hands_.end()) return {};
  Hand& hand = found->second;
  hand.taken = false;
  hand.carried = std::move(carried);
  if (!again) --hand.legs;
  std::vector<SiteIndex> waiting = std::exchange(hand.waiting, {});
  bool over = hand.legs == 0 && waiting.empty() && hand.carried.empty();
  if (over) hands_.erase(found);
  return waiting;
}

std::vector<std::pair<spoolfmt::MessageId, Carried>> Hands::untold() {
  std::vector<std::pair<spoolfmt::MessageId, Carried>> left;
  for (auto& [id, hand] : hands_)
    if (!hand.carried.empty()) left.emplace_back(id, std::move(hand.carried));
  hands_.clear();
  return left;
}

}  // namespace qrunner
