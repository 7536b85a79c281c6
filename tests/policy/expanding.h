// SPDX-License-Identifier: Apache-2.0
//
// A policy made of a text, and what an expression comes to with it, as one word and a
// text: "ok:", "forced:", "defer:", "error:", "limit:", or "load:" and the complaint.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "policy/evaluation.h"
#include "policy/expression.h"
#include "policy/policy.h"
#include "policy/scripted_context.h"

namespace expanding {

inline std::shared_ptr<const policy::Policy> loaded(std::string_view text) {
  auto loaded = policy::load_policy(
      "policy.conf", text, *policy::Macros::create({}, {}),
      [](const std::filesystem::path& path) { return base::read_file(path); },
      policy::Program::any());
  for (const auto& error : loaded.diagnostics.errors)
    ADD_FAILURE() << loaded.source.format(error, "error");
  return loaded.policy;
}

inline std::string said(const policy::Outcome<std::string>& outcome) {
  if (outcome) return "ok:" + *outcome;
  switch (outcome.error().kind) {
    case policy::Failure::Kind::forced:
      return "forced:" + outcome.error().text;
    case policy::Failure::Kind::defer:
      return "defer:" + outcome.error().text;
    case policy::Failure::Kind::error:
      return "error:" + outcome.error().text;
    case policy::Failure::Kind::limit:
      return "limit:" + outcome.error().text;
  }
  return "";
}

// With complaints, "load:" and the first of them.
inline std::string expanded(const policy::Policy& policy, std::string_view expression,
                            policy::Context& context) {
  policy::Diagnostics diagnostics;
  auto text =
      policy::parse_expression(policy, expression, policy::Program::any(), diagnostics);
  if (!diagnostics.errors.empty()) return "load:" + diagnostics.errors[0].text;
  policy::Evaluation evaluation{.policy = policy, .context = context};
  return said(policy::expand(text, evaluation));
}

}  // namespace expanding
