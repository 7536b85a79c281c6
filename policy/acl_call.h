// SPDX-License-Identifier: Apache-2.0
//
// An ACL called from a template: ${acl{name}{argument}...} and if acl{{name}...}
// (spec/policy.md chapters 5 and 7).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/acl.h"
#include "policy/outcome.h"
#include "policy/template.h"

namespace policy {

class TemplateParser;

class CalledAcl {
 public:
  CalledAcl(Id acl, std::string name, std::vector<Template> arguments)
      : acl_(acl), name_(std::move(name)), arguments_(std::move(arguments)) {}

  struct Answer {
    bool accepted;
    std::string message;
  };
  // A defer is a forced failure, whatever neither accepts nor denies an error.
  Outcome<Answer> run(Evaluation& evaluation) const;

 private:
  friend std::unique_ptr<const CalledAcl> take_acl_call(TemplateParser& parser);

  Id acl_;
  std::string name_;
  std::vector<Template> arguments_;
};

// "{name}{argument}..."; null after a complaint.
std::unique_ptr<const CalledAcl> take_acl_call(TemplateParser& parser);

}  // namespace policy
