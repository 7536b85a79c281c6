// SPDX-License-Identifier: Apache-2.0
#include "policy/variables.h"

#include <algorithm>

#include "policy/variable_table.h"

namespace policy {

std::span<const VariableInfo> variables() {
  return kVariables;
}

std::optional<VariableId> find_variable(std::string_view name) {
  auto found = std::ranges::lower_bound(kVariables, name, {}, &VariableInfo::name);
  if (found == kVariables.end() || found->name != name) return {};
  return static_cast<VariableId>(found - kVariables.begin());
}

}  // namespace policy
