// SPDX-License-Identifier: Apache-2.0
#include "utils/trial_context.h"

namespace utils {

// A failure, so that the evaluation ends here.
policy::Outcome<std::string_view> TrialContext::variable(policy::VariableId) {
  premature_ = true;
  return policy::cannot("");
}

const std::string* TrialContext::named_variable(std::string_view) {
  premature_ = true;
  return nullptr;
}

void TrialContext::set_named_variable(std::string_view, std::string) {
  premature_ = true;
}

void TrialContext::set_variable(policy::VariableId, std::string) {
  premature_ = true;
}

policy::Outcome<void> TrialContext::rate(
    std::string_view, const std::function<bool(std::optional<policy::RateEntry>&)>&) {
  premature_ = true;
  return policy::cannot("");
}

}  // namespace utils
