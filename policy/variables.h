// SPDX-License-Identifier: Apache-2.0
//
// The variables: one table of names with what may flow into them, when they can be set
// and what a program must serve for them (spec/policy.md chapter 11; Exim manual,
// "Expansion variables").
//
// A variable is known by its place in the table.  Programs switch over it:
//   switch (id) { case variable_id("sender_address"): ... }  (policy/variable_table.h)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "policy/phase.h"

namespace policy {

enum class Origins : std::uint8_t {
  local,   // the policy, the configuration, this host; checked syntax like addresses
  remote,  // the client, the message or the DNS
  flows,   // what was put in: $value, $item, acl_c..., acl_m..., $acl_arg1, r_...
};

struct VariableInfo {
  std::string_view name;
  Origins origins;
  Phases phases;  // where it can ever be set
  Feature feature = Feature::none;
  std::string_view about;  // one line for the reference page
};

// Sorted by name.
std::span<const VariableInfo> variables();

using VariableId = std::uint16_t;
std::optional<VariableId> find_variable(std::string_view name);

}  // namespace policy
