// SPDX-License-Identifier: Apache-2.0
#include "utils/where.h"

#include "engine/queued_context.h"
#include "policy/expression.h"
#include "policy/programs.h"
#include "policy/source.h"
#include "utils/expression.h"

namespace utils {

base::Result<std::shared_ptr<Where>> Where::parse(
    const std::vector<std::string>& conditions, const base::CommonOptions& common) {
  const policy::Program program = *policy::find_program("list");
  auto file = TRY(policy::read_policy_file(common));
  policy::Loaded loaded = TRY(policy::load_policy(file, common, program));
  if (!loaded.policy)
    return base::fail(base::Code::config,
                      loaded.source.place(loaded.diagnostics.errors.front().origin) +
                          ": " + loaded.diagnostics.errors.front().text +
                          ": `bobbin policy check` shows all that is wrong");
  auto where = std::make_shared<Where>();
  where->policy_ = loaded.policy;
  for (const std::string& text : conditions) {
    policy::Diagnostics diagnostics;
    auto condition =
        policy::parse_lone_condition(*loaded.policy, text, program, diagnostics);
    if (auto judged = judge(diagnostics); !judged)
      return std::unexpected(
          base::at("--where " + policy::quote(text), judged.error()));
    where->conditions_.push_back(std::move(condition));
  }
  return where;
}

base::Result<bool> Where::holds(const spoolfmt::Queued& queued,
                                const std::filesystem::path& input, base::Time now) {
  engine::QueuedContext context(queued, input, now, files_);
  for (const auto& condition : conditions_) {
    policy::Evaluation evaluation{.policy = *policy_, .context = context};
    auto held = condition->holds(evaluation);
    if (!held)
      return base::fail(base::Code::usage, (input / queued.entry.h_name()).string() +
                                               ": --where: " + held.error().text);
    if (!*held) return false;
  }
  return true;
}

}  // namespace utils
