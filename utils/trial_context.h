// SPDX-License-Identifier: Apache-2.0
//
// A context to evaluate with ahead of one's turn: it remembers which variables were
// asked for and which were set, so that it can be told afterwards whether the turn
// would have seen the same.
//
// Values of variables are all that one evaluation leaves to the next.  Rates are left
// behind too, but depend on the time: what asks for one has to wait for its turn.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/scripted_context.h"

namespace utils {

class TrialContext : public policy::ScriptedContext {
 public:
  // What was needed and what is left behind.
  struct Traces {
    bool must_wait = false;                  // for the turn
    std::vector<policy::VariableId> asked;   // before they were set
    std::vector<std::string> asked_by_name;  // "acl_m_x"
    std::map<policy::VariableId, std::string> set;
    std::map<std::string, std::string, std::less<>> set_by_name;
  };

  // `files`: those of the context whose turn it is, so that each is read once.
  TrialContext(const policy::ScriptedContext& outset, policy::LookupFiles& files);

  bool has_traces() const {
    return traces_.must_wait || !traces_.asked.empty() ||
           !traces_.asked_by_name.empty() || !traces_.set.empty() ||
           !traces_.set_by_name.empty();
  }
  // The traces since the last call.  The values then are those of the outset again.
  Traces take_traces();

  policy::Outcome<std::string_view> variable(policy::VariableId id) override;
  const std::string* named_variable(std::string_view name) override;
  void set_named_variable(std::string_view name, std::string value) override;
  void set_variable(policy::VariableId id, std::string value) override;
  policy::Outcome<void> rate(
      std::string_view key,
      const std::function<bool(std::optional<policy::RateEntry>&)>& update) override;
  policy::LookupFiles& files() override { return files_; }

 private:
  policy::LookupFiles& files_;
  std::vector<bool> was_asked_;  // by VariableId
  Traces traces_;
};

// Would the evaluation have seen the same in its turn, with the values of `now`?
bool same_values(const TrialContext::Traces& traces,
                 const policy::ScriptedContext& outset,
                 const policy::ScriptedContext& now);
// Makes of `context` what the evaluation would have left behind.
void leave_behind(TrialContext::Traces traces, policy::ScriptedContext& context);

}  // namespace utils
