// SPDX-License-Identifier: Apache-2.0
//
// The parsers of the table of conditions that have rooms of their own: over lists, and
// over facts (addresses, files, passwords, what an ACL says).
#pragma once

#include <string>

#include "policy/comparison.h"
#include "policy/conditions.h"

namespace policy {

// As complaints name it.
inline std::string owner_of(const ConditionInfo& info) {
  return "condition '" + std::string(info.name) + "'";
}

ConditionPtr parse_match_list(TemplateParser& parser, const ConditionInfo& info);
ConditionPtr parse_inlist(TemplateParser& parser, const ConditionInfo& info);
ConditionPtr parse_for_each(TemplateParser& parser, const ConditionInfo& info);

ConditionPtr parse_is_ip(TemplateParser& parser, const ConditionInfo& info);
ConditionPtr parse_exists(TemplateParser& parser, const ConditionInfo& info);
ConditionPtr parse_crypteq(TemplateParser& parser, const ConditionInfo& info);
ConditionPtr parse_inbound_srs(TemplateParser& parser, const ConditionInfo& info);
ConditionPtr parse_if_acl(TemplateParser& parser, const ConditionInfo& info);
ConditionPtr parse_delivery_state(TemplateParser& parser, const ConditionInfo& info);

}  // namespace policy
