// SPDX-License-Identifier: Apache-2.0
#include "policy/comparison.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "base/text.h"
#include "policy/arithmetic.h"
#include "policy/source.h"

namespace policy {
namespace {

using Of = Comparison::Of;
using Order = Comparison::Order;

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view stripped(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Less than, equal to or greater than 0, as a stands to b.
int compare_letters(std::string_view a, std::string_view b) {
  std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    auto x = static_cast<unsigned char>(base::to_lower(a[i]));
    auto y = static_cast<unsigned char>(base::to_lower(b[i]));
    if (x != y) return x < y ? -1 : 1;
  }
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

bool holds(Order order, int difference) {
  switch (order) {
    case Order::equal:
      return difference == 0;
    case Order::less:
      return difference < 0;
    case Order::less_or_equal:
      return difference <= 0;
    case Order::greater:
      return difference > 0;
    default:
      return difference >= 0;
  }
}

}  // namespace

std::optional<Comparison> find_comparison(std::string_view name) {
  struct Row {
    std::string_view name;
    Comparison comparison;
  };
  static constexpr Row kRows[] = {
      {"=", {Of::numbers, Order::equal}},
      {"==", {Of::numbers, Order::equal}},
      {"<", {Of::numbers, Order::less}},
      {"<=", {Of::numbers, Order::less_or_equal}},
      {">", {Of::numbers, Order::greater}},
      {">=", {Of::numbers, Order::greater_or_equal}},
      {"eq", {Of::bytes, Order::equal}},
      {"eqi", {Of::letters, Order::equal}},
      {"lt", {Of::bytes, Order::less}},
      {"lti", {Of::letters, Order::less}},
      {"le", {Of::bytes, Order::less_or_equal}},
      {"lei", {Of::letters, Order::less_or_equal}},
      {"gt", {Of::bytes, Order::greater}},
      {"gti", {Of::letters, Order::greater}},
      {"ge", {Of::bytes, Order::greater_or_equal}},
      {"gei", {Of::letters, Order::greater_or_equal}},
  };
  for (const Row& row : kRows)
    if (row.name == name) return row.comparison;
  return std::nullopt;
}

base::Result<bool> compare(Comparison comparison, std::string_view a,
                           std::string_view b) {
  switch (comparison.of) {
    case Of::numbers: {
      std::int64_t x = TRY(parse_number(a));
      std::int64_t y = TRY(parse_number(b));
      return holds(comparison.order, x < y ? -1 : x > y ? 1 : 0);
    }
    case Of::bytes:
      return holds(comparison.order, a.compare(b));
    default:
      return holds(comparison.order, compare_letters(a, b));
  }
}

base::Result<std::vector<std::size_t>> sorted_order(Comparison comparison,
                                                    std::span<const std::string> keys) {
  Order order = comparison.order;
  if (order == Order::equal)
    return base::fail(base::Code::syntax, "a test of equality cannot sort");
  bool reverse = order == Order::greater || order == Order::greater_or_equal;
  bool strict = order == Order::less || order == Order::greater;

  std::vector<std::int64_t> numbers;
  for (const std::string& key : keys) {
    if (key.empty()) return base::fail(base::Code::syntax, "a sort key is empty");
    if (comparison.of == Of::numbers) numbers.push_back(TRY(parse_number(key)));
  }
  auto difference = [&](std::size_t a, std::size_t b) {
    if (comparison.of == Of::numbers)
      return numbers[a] < numbers[b] ? -1 : numbers[a] > numbers[b] ? 1 : 0;
    return comparison.of == Of::bytes ? keys[a].compare(keys[b])
                                      : compare_letters(keys[a], keys[b]);
  };
  // Inserting before the first element that compares true, as the language says, puts
  // equal ones behind each other or in front, which is all that this has to keep.
  std::vector<std::size_t> indexes(keys.size());
  std::iota(indexes.begin(), indexes.end(), 0);
  if (!strict) std::reverse(indexes.begin(), indexes.end());
  std::stable_sort(indexes.begin(), indexes.end(), [&](std::size_t a, std::size_t b) {
    return reverse ? difference(a, b) > 0 : difference(a, b) < 0;
  });
  return indexes;
}

base::Result<bool> strict_truth(std::string_view text) {
  std::string_view word = stripped(text);
  std::string_view digits = word;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (std::all_of(digits.begin(), digits.end(), base::is_digit))
    return std::any_of(digits.begin(), digits.end(), [](char c) { return c != '0'; });
  for (std::string_view yes : {"yes", "true"})
    if (base::equal_nocase(word, yes)) return true;
  for (std::string_view no : {"no", "false"})
    if (base::equal_nocase(word, no)) return false;
  return base::fail(base::Code::syntax,
                    quote(text) + " is neither true nor false (nor a number)");
}

bool lax_truth(std::string_view text) {
  std::string_view word = stripped(text);
  for (std::string_view no : {"", "0", "-", "no", "false"})
    if (base::equal_nocase(word, no)) return false;
  return true;
}

}  // namespace policy
