// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/non_recipients.h"

#include <algorithm>
#include <limits>

namespace spoolfmt {

template <class Text>
bool BasicNonRecipients<Text>::found_by_exim(std::string_view name) const {
  std::size_t at = 0;
  while (at < nodes.size()) {
    const Node& node = nodes[at];
    int order = name.compare(node.name);
    if (order == 0) return true;
    if (order < 0 && node.has_left)
      ++at;
    else if (order > 0 && node.right != 0)
      at = node.right;
    else
      return false;
  }
  return false;
}

template <class Text>
bool BasicNonRecipients<Text>::contains(std::string_view name) const {
  // The walk answers for every sound tree; only a misplaced name needs the long way.
  return found_by_exim(name) ||
         std::any_of(nodes.begin(), nodes.end(),
                     [&](const Node& node) { return node.name == name; });
}

template struct BasicNonRecipients<std::string>;
template struct BasicNonRecipients<std::string_view>;

namespace {

// The tree with links and heights, as insertion needs it.  Index-based and without
// recursion on the depth of what was read: a file may hold a chain of any length.
class Avl {
 public:
  explicit Avl(std::vector<NonRecipients::Node> nodes) {
    links_.reserve(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Link link;
      link.name = std::move(nodes[i].name);
      link.left = nodes[i].has_left ? static_cast<Index>(i + 1) : kNone;
      link.right = nodes[i].right != 0 ? nodes[i].right : kNone;
      links_.push_back(std::move(link));
    }
    // Children stand behind their parent in pre-order, so backwards they come first.
    for (std::size_t i = links_.size(); i > 0; --i) update(static_cast<Index>(i - 1));
    if (!links_.empty()) root_ = 0;
  }

  void insert(std::string name) {
    std::vector<Index> path;
    Index at = root_;
    while (at != kNone) {
      int order = name.compare(links_[at].name);
      if (order == 0) return;
      path.push_back(at);
      at = order < 0 ? links_[at].left : links_[at].right;
    }
    auto added = static_cast<Index>(links_.size());
    Link link;
    link.name = std::move(name);
    links_.push_back(std::move(link));
    if (path.empty()) {
      root_ = added;
      return;
    }
    Link& parent = links_[path.back()];
    (links_[added].name < parent.name ? parent.left : parent.right) = added;
    while (!path.empty()) {
      Index node = path.back();
      path.pop_back();
      Index* slot = &root_;
      if (!path.empty()) {
        Link& above = links_[path.back()];
        slot = above.left == node ? &above.left : &above.right;
      }
      *slot = balanced(node);
    }
  }

  std::vector<NonRecipients::Node> pre_order() && {
    std::vector<NonRecipients::Node> out;
    out.reserve(links_.size());
    // A pending right child remembers whose it is.
    struct Pending {
      Index node;
      std::size_t parent;
    };
    constexpr auto kNobody = std::numeric_limits<std::size_t>::max();
    std::vector<Pending> stack;
    if (root_ != kNone) stack.push_back({root_, kNobody});
    while (!stack.empty()) {
      Pending next = stack.back();
      stack.pop_back();
      std::size_t position = out.size();
      if (next.parent != kNobody) out[next.parent].right = static_cast<Index>(position);
      Link& link = links_[next.node];
      out.push_back({std::move(link.name), link.left != kNone, 0});
      if (link.right != kNone) stack.push_back({link.right, position});
      if (link.left != kNone) stack.push_back({link.left, kNobody});
    }
    return out;
  }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = std::numeric_limits<Index>::max();
  struct Link {
    std::string name;
    Index left = kNone;
    Index right = kNone;
    int height = 1;
  };

  int height(Index node) const { return node == kNone ? 0 : links_[node].height; }
  int lean(Index node) const {
    return height(links_[node].left) - height(links_[node].right);
  }
  void update(Index node) {
    links_[node].height =
        1 + std::max(height(links_[node].left), height(links_[node].right));
  }

  Index rotate_right(Index node) {
    Index up = links_[node].left;
    links_[node].left = links_[up].right;
    links_[up].right = node;
    update(node);
    update(up);
    return up;
  }
  Index rotate_left(Index node) {
    Index up = links_[node].right;
    links_[node].right = links_[up].left;
    links_[up].left = node;
    update(node);
    update(up);
    return up;
  }

  // The root of the subtree after a single or double rotation, if one was due.
  Index balanced(Index node) {
    update(node);
    if (lean(node) > 1) {
      if (lean(links_[node].left) < 0)
        links_[node].left = rotate_left(links_[node].left);
      return rotate_right(node);
    }
    if (lean(node) < -1) {
      if (lean(links_[node].right) > 0)
        links_[node].right = rotate_right(links_[node].right);
      return rotate_left(node);
    }
    return node;
  }

  std::vector<Link> links_;
  Index root_ = kNone;
};

}  // namespace

void NonRecipients::insert(const std::vector<std::string>& names) {
  Avl tree(std::move(nodes));
  for (const std::string& name : names) tree.insert(name);
  nodes = std::move(tree).pre_order();
}

}  // namespace spoolfmt
