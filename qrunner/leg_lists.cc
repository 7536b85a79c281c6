// SPDX-License-Identifier: Apache-2.0
#include "qrunner/leg_lists.h"

#include <cassert>

namespace qrunner {

// A link that is in no list.
std::uint32_t LegLists::obtain(const PackedId& id) {
  std::uint32_t link = free_.first;
  if (!free_.empty()) {
    free_.first = at(link).next;
    --free_.size;
  } else {
    if (used_ == blocks_.size() * kBlock)
      blocks_.push_back(std::make_unique_for_overwrite<Block>());
    link = used_++;
  }
  at(link).id = id;
  return link;
}

void LegLists::push_back(List& list, const PackedId& id) {
  std::uint32_t link = obtain(id);
  if (list.empty())
    list.first = link;
  else
    at(list.last).next = link;
  list.last = link;
  ++list.size;
}

void LegLists::push_front(List& list, const PackedId& id) {
  std::uint32_t link = obtain(id);
  if (list.empty())
    list.last = link;
  else
    at(link).next = list.first;
  list.first = link;
  ++list.size;
}

PackedId LegLists::pop_front(List& list) {
  assert(!list.empty());
  std::uint32_t link = list.first;
  PackedId id = at(link).id;
  list.first = at(link).next;
  --list.size;
  at(link).next = free_.first;
  free_.first = link;
  ++free_.size;
  return id;
}

}  // namespace qrunner
