// SPDX-License-Identifier: Apache-2.0
//
// An expression that is not part of the file: what somebody types to `bobbin policy
// expand` or `--where`.  It may use all names of the policy.
#pragma once

#include <memory>
#include <string_view>

#include "policy/policy.h"
#include "policy/template.h"

namespace policy {

// As parse_template() and parse_condition(); what is wrong goes to `diagnostics`, with
// columns of `text`.
Template parse_expression(const Policy& policy, std::string_view text,
                          const Program& program, Diagnostics& diagnostics);
std::unique_ptr<const Condition> parse_lone_condition(const Policy& policy,
                                                      std::string_view text,
                                                      const Program& program,
                                                      Diagnostics& diagnostics);
ListPtr parse_lone_list(const Policy& policy, ListKind kind, std::string_view text,
                        const Program& program, Diagnostics& diagnostics);

}  // namespace policy
