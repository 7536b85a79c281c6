// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_conditions.h"

#include <utility>

#include "policy/evaluation.h"
#include "policy/expression.h"
#include "policy/parsing.h"
#include "policy/programs.h"
#include "policy/template.h"

namespace receiver {

base::Result<ScriptConditions> ScriptConditions::compile(
    const ScriptConfig& config, std::string_view file,
    std::shared_ptr<const policy::Policy> policy) {
  ScriptConditions result;
  const policy::Program program = *policy::find_program("receive");
  policy::Expressions expressions(*policy, program);
  for (const Script& script : config.scripts) {
    if (script.when.empty()) continue;
    policy::Diagnostics diagnostics;
    std::shared_ptr<const policy::Condition> condition =
        expressions.parse_condition(script.when, diagnostics);
    if (!diagnostics.errors.empty())
      return base::fail(base::Code::config, std::string(file) + ": line " +
                                                std::to_string(script.when_line) +
                                                ": when = " + script.when + ": " +
                                                diagnostics.errors.front().text);
    result.conditions_.push_back({script.name, std::move(condition)});
  }
  result.policy_ = std::move(policy);
  return result;
}

std::set<std::string> ScriptConditions::unwanted(
    policy::Context& context, std::vector<std::string>& trouble) const {
  std::set<std::string> names;
  for (const Condition& condition : conditions_) {
    policy::Evaluation evaluation{
        .policy = *policy_, .context = context, .phase = policy::Phase::data};
    auto held = condition.holds->holds(evaluation);
    if (!held)
      trouble.push_back("script " + condition.script +
                        " runs: when = ...: " + held.error().text);
    else if (!*held)
      names.insert(condition.script);
  }
  return names;
}

}  // namespace receiver
