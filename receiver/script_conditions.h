// SPDX-License-Identifier: Apache-2.0
//
// `when` of the DATA-stage scripts: conditions of the policy's own language, asked of
// the context that the DATA ACL has just used.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/context.h"
#include "policy/policy.h"
#include "receiver/script_config.h"

namespace receiver {

class ScriptConditions {
 public:
  // Code::config: "FILE: line N: when: ...".
  static base::Result<ScriptConditions> compile(
      const ScriptConfig& config, std::string_view file,
      std::shared_ptr<const policy::Policy> policy);

  bool empty() const { return conditions_.empty(); }
  // The scripts that need not run.  A condition that cannot be answered does not
  // excuse; `trouble` gets a line for the log.  May block, as all of the policy.
  std::set<std::string> unwanted(policy::Context& context,
                                 std::vector<std::string>& trouble) const;

 private:
  struct Condition {
    std::string script;
    std::shared_ptr<const policy::Condition> holds;
  };
  std::shared_ptr<const policy::Policy> policy_;
  std::vector<Condition> conditions_;
};

}  // namespace receiver
