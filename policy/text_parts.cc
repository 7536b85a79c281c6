// SPDX-License-Identifier: Apache-2.0
#include "policy/text_parts.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "policy/arithmetic.h"
#include "policy/source.h"

namespace policy {
namespace {

// The letters of ${hash}: t before s, as it has always been.
constexpr std::string_view kHashLetters =
    "abcdefghijklmnopqrtsuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

constexpr std::uint64_t kPrimes[] = {113, 109, 107, 103, 101, 97, 89, 83, 79, 73,
                                     71,  67,  61,  59,  53,  47, 43, 41, 37, 31,
                                     29,  23,  19,  17,  13,  11, 7,  5,  3};

std::unexpected<base::Error> wrong(std::string text) {
  return base::fail(base::Code::syntax, std::move(text));
}

struct PartRule {
  std::string_view name;
  std::size_t fewest, most;  // numbers
  bool may_be_negative;      // the first of them
};
constexpr PartRule rule_of(PartKind kind) {
  switch (kind) {
    case PartKind::substr:
      return {"substr", 1, 2, true};
    case PartKind::length:
      return {"length", 1, 1, false};
    case PartKind::hash:
      return {"hash", 1, 2, false};
    default:
      return {"nhash", 1, 2, false};
  }
}

}  // namespace

std::string_view substring(std::string_view text, std::int64_t offset,
                           std::optional<std::int64_t> length) {
  if (text.empty()) return {};
  auto size = static_cast<std::int64_t>(text.size());
  std::int64_t start = offset, end = size;
  if (offset >= 0) {
    if (offset >= size) return {};
    if (length && *length < size - offset) end = offset + *length;
  } else {
    start = std::max<std::int64_t>(offset, -size) + size;
    if (!length) return text.substr(0, static_cast<std::size_t>(start));
    // What the offset goes beyond the start is taken off the length.
    std::int64_t beyond = start == 0 ? -(offset + size) : 0;
    std::int64_t count = *length > beyond ? *length - beyond : 0;
    if (count < size - start) end = start + count;
  }
  return text.substr(static_cast<std::size_t>(start),
                     static_cast<std::size_t>(end - start));
}

base::Result<std::string> hash_text(std::string_view text, std::int64_t size,
                                    std::int64_t letters) {
  if (letters > static_cast<std::int64_t>(kHashLetters.size()))
    return wrong("hash: " + std::to_string(letters) + " letters are too many: 62");
  if (size < 0 || letters < 1) return wrong("hash: a number is too small");
  if (static_cast<std::uint64_t>(size) >= text.size()) return std::string(text);
  if (size == 0) return "";

  // Each byte of the tail is rotated by its value plus its place and added without
  // carry to the head, round and round.
  auto head = static_cast<std::size_t>(size);
  std::string out(text.substr(0, head));
  for (std::size_t at = head; at < text.size(); ++at) {
    auto byte = static_cast<unsigned char>(text[at]);
    unsigned turn = (byte + at) % 8;
    char& target = out[(at - head) % head];
    target = static_cast<char>(target ^
                               static_cast<char>(byte << turn | byte >> (8 - turn)));
  }
  for (char& c : out)
    c = kHashLetters[static_cast<unsigned char>(c) % static_cast<unsigned>(letters)];
  return out;
}

base::Result<std::string> hash_number(std::string_view text, std::int64_t first,
                                      std::optional<std::int64_t> second) {
  std::uint64_t modulus = 0;
  if (first < 1 || (second && *second < 1) ||
      __builtin_mul_overflow(first, second.value_or(1), &modulus))
    return wrong("nhash: a number is 0 or too large");
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    total += kPrimes[i % std::size(kPrimes)] * static_cast<unsigned char>(text[i]);
  total %= modulus;
  if (!second) return std::to_string(total);
  auto divisor = static_cast<std::uint64_t>(*second);
  return std::to_string(total / divisor) + '/' + std::to_string(total % divisor);
}

base::Result<std::string> part_of(PartKind kind, std::span<const std::int64_t> numbers,
                                  std::string_view text) {
  std::optional<std::int64_t> second;
  if (numbers.size() > 1) second = numbers[1];
  switch (kind) {
    case PartKind::substr:
      return std::string(substring(text, numbers[0], second));
    case PartKind::length:
      return std::string(substring(text, 0, numbers[0]));
    case PartKind::hash:
      return hash_text(text, numbers[0], second.value_or(26));
    default:
      return hash_number(text, numbers[0], second);
  }
}

base::Result<std::string> part_item(PartKind kind,
                                    std::span<const std::string> arguments) {
  PartRule rule = rule_of(kind);
  std::string name(rule.name);
  if (arguments.size() < rule.fewest + 1 || arguments.size() > rule.most + 1)
    return wrong(name + ": wrong number of arguments");
  std::array<std::int64_t, 2> numbers{};
  std::size_t count = arguments.size() - 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::string_view digits = arguments[i];
    if (digits.starts_with('+')) digits.remove_prefix(1);
    auto number = arguments[i].empty() ? 0 : plain_integer(digits);
    if (!number) return wrong(name + ": " + quote(arguments[i]) + " is not a number");
    if (*number < 0 && (i > 0 || !rule.may_be_negative))
      return wrong(name + ": " + quote(arguments[i]) + " is not a positive number");
    numbers[i] = *number;
  }
  return part_of(kind, {numbers.data(), count}, arguments.back());
}

std::string translate(std::string_view text, std::string_view from,
                      std::string_view to) {
  std::string out(text);
  if (to.empty()) return out;
  std::array<char, 256> table;
  std::iota(table.begin(), table.end(), '\0');
  for (std::size_t i = 0; i < from.size(); ++i)
    table[static_cast<unsigned char>(from[i])] = to[std::min(i, to.size() - 1)];
  for (char& c : out) c = table[static_cast<unsigned char>(c)];
  return out;
}

}  // namespace policy
