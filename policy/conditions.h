// SPDX-License-Identifier: Apache-2.0
//
// Conditions of ${if (spec/policy.md chapter 7; Exim manual, "Expansion conditions").
//
// One table of names, parsers and descriptions finds, reads and documents them.  A
// condition may set the captures and $value of the evaluation; whoever asked puts them
// back.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "policy/template.h"

namespace policy {

class TemplateParser;

using ConditionPtr = std::unique_ptr<const Condition>;

struct ConditionInfo {
  // Reads what follows the name; null after a complaint.
  using Parse = ConditionPtr (*)(TemplateParser& parser, const ConditionInfo& info);

  std::string_view name;   // "eq", "<="
  std::string_view form;   // for the reference page: "eq{A}{B}"
  Parse parse;             // null: known and left out of the language
  std::string_view about;  // one line; or why it is left out
};

// Sorted by name.
std::span<const ConditionInfo> conditions();
const ConditionInfo* find_condition(std::string_view name);

}  // namespace policy
