// SPDX-License-Identifier: Apache-2.0
//
// The state of one evaluation: what is fixed (policy, context), what is lexical
// (captures, $value, $item, arguments of an ACL) and what is left of the budget.
//
// Evaluation is a plain recursion over an immutable tree.  Whatever has to wait, a
// lookup in the DNS or a verification, waits inside the Context: the program that must
// not block runs the evaluation on a thread of a pool, and the tree never knows.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "policy/outcome.h"
#include "policy/phase.h"

namespace policy {

class Context;
struct Policy;

// $0, $1, ... (spec/policy.md 4.5).  A group that took no part is empty.  What is saved
// and restored all the time is shared, so a copy is cheap.
class Captures {
 public:
  static constexpr std::size_t kMost = 21;
  std::string_view operator[](std::size_t number) const {
    if (!groups_ || number >= groups_->count) return {};
    const std::size_t begin = number == 0 ? 0 : groups_->ends[number - 1];
    return std::string_view(groups_->bytes)
        .substr(begin, groups_->ends[number] - begin);
  }
  void clear() { groups_.reset(); }
  void assign(std::span<const std::string_view> groups) {
    auto made = std::make_shared<Groups>();
    for (std::string_view group : groups.first(std::min(groups.size(), kMost))) {
      made->bytes += group;
      made->ends[made->count++] = made->bytes.size();
    }
    groups_ = std::move(made);
  }

 private:
  struct Groups {
    std::string bytes;  // of all of them
    std::array<std::size_t, kMost> ends;
    std::size_t count = 0;
  };
  std::shared_ptr<const Groups> groups_;
};

// What one evaluation may cost (18.8).
struct Budget {
  std::size_t steps = 1'000'000;  // nodes evaluated, list elements, tries of a match
  std::size_t output = std::size_t{1} << 20;  // bytes of any one result
  unsigned acl_depth = 20;                    // calls of an ACL inside another
};

struct Evaluation {
  const Policy& policy;
  Context& context;
  Phase phase = Phase::other;

  Captures captures{};
  std::optional<std::string> value{}, item{};    // $value, $item where they are set
  std::span<const std::string> acl_arguments{};  // $acl_arg1 ...
  std::span<const std::string> holes{};          // values inside an ${sg} replacement
  Budget budget{};

  // One more step: false when the budget is used up.
  bool step(std::size_t cost = 1) {
    if (budget.steps < cost) return false;
    budget.steps -= cost;
    return true;
  }
};

// The same as an outcome.
inline Outcome<void> take_step(Evaluation& evaluation, std::size_t cost = 1) {
  if (evaluation.step(cost)) return {};
  return over_limit("the evaluation takes more steps than allowed");
}

}  // namespace policy
