// SPDX-License-Identifier: Apache-2.0
//
// The names that need no (more) delivery: the tree in a -H file.
//
// Exim keeps a height-balanced binary tree ordered by byte comparison and writes it in
// pre-order, one `AB name` line a node, A and B telling whether a left and a right
// subtree follow.  The shape is kept as read, sound or not, because writing must give
// the same bytes; inserting in the same order gives the shape Exim gives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace spoolfmt {

// Text is std::string (owning) or std::string_view (borrowed from the file's bytes).
template <class Text>
struct BasicNonRecipients {
  struct Node {
    Text name;
    bool has_left = false;    // the next node in pre-order
    std::uint32_t right = 0;  // index of the right child; 0: none (0 is the root)
  };

  std::vector<Node> nodes;  // pre-order

  bool empty() const { return nodes.empty(); }

  // Exim's own question: a walk down the tree, which misses names that stand where they
  // do not belong.  Listings that must equal Exim's ask this.
  bool found_by_exim(std::string_view name) const;
  // Is the name anywhere?  Ours to ask before a delivery: never twice.
  bool contains(std::string_view name) const;
};

struct NonRecipients : BasicNonRecipients<std::string> {
  // Adds the names, in order, as Exim would: duplicates dropped, the tree kept
  // balanced.
  void insert(const std::vector<std::string>& names);
  void insert(std::string name) { insert(std::vector<std::string>{std::move(name)}); }
};

using NonRecipientsView = BasicNonRecipients<std::string_view>;

}  // namespace spoolfmt
