// SPDX-License-Identifier: Apache-2.0
#include "utils/trial_context.h"

#include <algorithm>
#include <utility>

namespace utils {

namespace {

using Values = std::map<std::string, std::string, std::less<>>;

// Null: it is not set.
const std::string* value_of(std::string_view name, const Values& values) {
  auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

// Empty is as good as not set.
std::string_view text_of(std::string_view name, const Values& values) {
  const std::string* value = value_of(name, values);
  return value ? std::string_view(*value) : std::string_view();
}

bool same(const std::string* one, const std::string* other) {
  return one && other ? *one == *other : one == other;
}

}  // namespace

TrialContext::TrialContext(const policy::ScriptedContext& outset,
                           policy::LookupFiles& files)
    : files_(files), was_asked_(policy::variables().size()) {
  look_like(outset);
}

TrialContext::Traces TrialContext::take_traces() {
  for (policy::VariableId id : traces_.asked) was_asked_[id] = false;
  return std::exchange(traces_, {});
}

policy::Outcome<std::string_view> TrialContext::variable(policy::VariableId id) {
  if (!traces_.set.empty())
    if (auto found = traces_.set.find(id); found != traces_.set.end())
      return found->second;
  if (!was_asked_[id]) {
    was_asked_[id] = true;
    traces_.asked.push_back(id);
  }
  return ScriptedContext::variable(id);
}

void TrialContext::set_variable(policy::VariableId id, std::string value) {
  traces_.set.insert_or_assign(id, std::move(value));
}

const std::string* TrialContext::named_variable(std::string_view name) {
  if (const std::string* value = value_of(name, traces_.set_by_name)) return value;
  if (std::ranges::find(traces_.asked_by_name, name) == traces_.asked_by_name.end())
    traces_.asked_by_name.emplace_back(name);
  return ScriptedContext::named_variable(name);
}

void TrialContext::set_named_variable(std::string_view name, std::string value) {
  traces_.set_by_name.insert_or_assign(std::string(name), std::move(value));
}

policy::Outcome<void> TrialContext::rate(
    std::string_view key,
    const std::function<bool(std::optional<policy::RateEntry>&)>& update) {
  traces_.must_wait = true;
  return ScriptedContext::rate(key, update);
}

bool same_values(const TrialContext::Traces& traces,
                 const policy::ScriptedContext& outset,
                 const policy::ScriptedContext& now) {
  auto by_id = [&](policy::VariableId id) {
    std::string_view name = policy::variables()[id].name;
    return text_of(name, outset.variables) == text_of(name, now.variables);
  };
  auto by_name = [&](const std::string& name) {
    return same(value_of(name, outset.named), value_of(name, now.named));
  };
  return !traces.must_wait && std::ranges::all_of(traces.asked, by_id) &&
         std::ranges::all_of(traces.asked_by_name, by_name);
}

void leave_behind(TrialContext::Traces traces, policy::ScriptedContext& context) {
  for (auto& [id, value] : traces.set) context.set_variable(id, std::move(value));
  for (auto& [name, value] : traces.set_by_name)
    context.set_named_variable(name, std::move(value));
}

}  // namespace utils
