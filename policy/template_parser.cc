// SPDX-License-Identifier: Apache-2.0
#include "policy/template_parser.h"

namespace policy {

Template TemplateParser::take_all() {
  return Template::of(std::string(bytes_));
}

ConditionPtr TemplateParser::take_only_condition() {
  complain("not yet");
  return nullptr;
}

}  // namespace policy
