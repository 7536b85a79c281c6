// SPDX-License-Identifier: Apache-2.0
#include "policy/acl_words.h"

#include <algorithm>

namespace policy {

const AclWord* find_word(std::span<const AclWord> table, std::string_view name) {
  auto found = std::ranges::lower_bound(table, name, {}, &AclWord::name);
  return found != table.end() && found->name == name ? &*found : nullptr;
}

std::vector<std::string_view> names_of(std::span<const AclWord> table) {
  std::vector<std::string_view> names;
  for (const AclWord& word : table)
    if (!word.left_out) names.push_back(word.name);
  return names;
}

std::string describe(const AclWord& word) {
  switch (word.kind) {
    case AclWord::Kind::condition:
      return "condition " + quote(word.name);
    case AclWord::Kind::modifier:
      return "modifier " + quote(word.name);
    case AclWord::Kind::control:
      return "control " + quote(word.name);
    case AclWord::Kind::verify:
      return "verify item " + quote(word.name);
  }
  return quote(word.name);
}

bool use_word(const AclWord& word, Origin origin, Parsing& parsing) {
  if (word.left_out) {
    parsing.error(origin, describe(word) + " is not part of the policy language: " +
                              std::string(word.about));
    return false;
  }
  parsing.need(word.feature, describe(word), origin);
  if (word.where != Phases::all()) parsing.use(describe(word), word.where, origin);
  return true;
}

}  // namespace policy
