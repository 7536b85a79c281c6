// SPDX-License-Identifier: Apache-2.0
//
// The waiting legs of all sites: linked lists in one pool, 20 bytes a leg.
//
// A list costs its site 12 bytes and no allocation, so a hundred thousand sites with a
// leg each are as cheap as one site with a million.  What was taken is used again; the
// pool keeps the room of its fullest hour.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "qrunner/packed_id.h"

namespace qrunner {

class LegLists {
 public:
  struct List {
    std::uint32_t first = 0, last = 0;  // meaningless while it is empty
    std::uint32_t size = 0;

    bool empty() const { return size == 0; }
  };

  void push_back(List& list, const PackedId& id);
  void push_front(List& list, const PackedId& id);
  PackedId pop_front(List& list);  // not of an empty one

 private:
  struct Link {
    PackedId id;
    std::uint32_t next = 0;
  };
  static_assert(sizeof(Link) == 20);
  // Growing moves nothing: a vector would need twice the room while it does.
  static constexpr std::size_t kBlock = 4096;
  using Block = std::array<Link, kBlock>;

  Link& at(std::uint32_t link) { return (*blocks_[link / kBlock])[link % kBlock]; }
  std::uint32_t obtain(const PackedId& id);

  std::vector<std::unique_ptr<Block>> blocks_;
  std::uint32_t used_ = 0;  // links ever given out
  List free_;
};

}  // namespace qrunner
