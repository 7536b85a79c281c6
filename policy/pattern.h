// SPDX-License-Identifier: Apache-2.0
//
// A regular expression as an argument: compiled at load if it is written out, else when
// it is known (spec/policy.md 4.1 and 19.5).
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/regex.h"
#include "policy/outcome.h"
#include "policy/template.h"

namespace policy {

class TemplateParser;

class Pattern {
 public:
  explicit Pattern(std::shared_ptr<const base::Regex> regex)
      : regex_(std::move(regex)) {}
  explicit Pattern(Template computed) : computed_(std::move(computed)) {}

  Outcome<std::shared_ptr<const base::Regex>> regex(Evaluation& evaluation) const;

 private:
  std::shared_ptr<const base::Regex> regex_;
  Template computed_;
};

// The next braced argument as a pattern.
std::optional<Pattern> take_pattern(TemplateParser& parser, std::string_view owner);

}  // namespace policy
