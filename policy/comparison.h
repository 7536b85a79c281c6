// SPDX-License-Identifier: Apache-2.0
//
// Comparing two texts and judging one: the conditions = == < <= > >=, eq lt le gt ge
// and their caseless forms, bool and bool_lax, and the order of ${sort} (spec/policy.md
// sections 5 and 7; Exim manual, "Expansion conditions").
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace policy {

struct Comparison {
  enum class Of { numbers, bytes, letters };  // letters: ASCII case does not count
  enum class Order { equal, less, less_or_equal, greater, greater_or_equal };
  Of of;
  Order order;

  bool operator==(const Comparison&) const = default;
};

// By its name in the language, "<=" or "lti"; nothing if it is none.
std::optional<Comparison> find_comparison(std::string_view name);

// Code::syntax if a number is none.
base::Result<bool> compare(Comparison comparison, std::string_view a,
                           std::string_view b);

// The order in which ${sort} puts elements with these keys: indexes into `keys`.
// Strict comparisons keep equal elements as they are, the others reverse them.
// Code::syntax for an empty key, a key that is no number, or a test of equality.
base::Result<std::vector<std::size_t>> sorted_order(Comparison comparison,
                                                    std::span<const std::string> keys);

// bool{}: Code::syntax for a word that is no truth value.
base::Result<bool> strict_truth(std::string_view text);
// bool_lax{}: every text has one.
bool lax_truth(std::string_view text);

}  // namespace policy
