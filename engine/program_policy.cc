// SPDX-License-Identifier: Apache-2.0
#include "engine/program_policy.h"

#include "base/failures.h"

namespace engine {

namespace {

// A line each: "FILE:LINE:COLUMN: error: what; remedy".
void tell(const policy::Loaded& loaded,
          const std::vector<policy::Diagnostic>& diagnostics,
          std::string_view severity) {
  for (const policy::Diagnostic& each : diagnostics) {
    std::string text = loaded.source.format(each, severity);
    base::complain(text.substr(0, text.find('\n')));
  }
}

}  // namespace

base::Result<std::shared_ptr<const policy::Policy>> program_policy(
    const policy::PolicyFile& file, const base::CommonOptions& common,
    const policy::Program& program) {
  auto loaded = TRY(policy::load_policy(file, common, program));
  tell(loaded, loaded.diagnostics.errors, "error");
  tell(loaded, loaded.diagnostics.warnings, "warning");
  if (!loaded.policy) {
    std::size_t count = loaded.diagnostics.errors.size();
    return base::fail(base::Code::config, file.name.string() + ": " +
                                              std::to_string(count) +
                                              (count == 1 ? " mistake" : " mistakes") +
                                              ": 'bobbin policy check' shows where");
  }
  return loaded.policy;
}

base::Result<std::shared_ptr<const policy::Policy>> program_policy(
    const base::CommonOptions& common, const policy::Program& program,
    std::string_view otherwise) {
  policy::PolicyFile file = TRY(policy::read_policy_file(common));
  if (!file.exists) file = {"built-in", std::string(otherwise)};
  return program_policy(file, common, program);
}

}  // namespace engine
