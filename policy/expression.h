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

// Reads such texts; outlived by what it is made with.
class Expressions {
 public:
  Expressions(const Policy& policy, const Program& program);

  // What is wrong goes to `diagnostics`, with columns of `text`.
  Template parse(std::string_view text, Diagnostics& diagnostics) const;
  std::unique_ptr<const Condition> parse_condition(std::string_view text,
                                                   Diagnostics& diagnostics) const;
  ListPtr parse_list(ListKind kind, std::string_view text,
                     Diagnostics& diagnostics) const;

 private:
  const Program& program_;
  Symbols symbols_;
};

// The same for one text.
Template parse_expression(const Policy& policy, std::string_view text,
                          const Program& program, Diagnostics& diagnostics);
std::unique_ptr<const Condition> parse_lone_condition(const Policy& policy,
                                                      std::string_view text,
                                                      const Program& program,
                                                      Diagnostics& diagnostics);
ListPtr parse_lone_list(const Policy& policy, ListKind kind, std::string_view text,
                        const Program& program, Diagnostics& diagnostics);

}  // namespace policy
