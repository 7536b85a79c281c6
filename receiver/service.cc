// SPDX-License-Identifier: Apache-2.0
#include "receiver/service.h"

#include <utility>

#include "base/failures.h"
#include "policy/programs.h"
#include "receiver/default_policy.h"

namespace receiver {

namespace {

std::string listed(const policy::Loaded& loaded,
                   const std::vector<policy::Diagnostic>& diagnostics,
                   std::string_view severity) {
  std::string text;
  for (const policy::Diagnostic& each : diagnostics)
    text += (text.empty() ? "" : "\n") + loaded.source.format(each, severity);
  return text;
}

}  // namespace

base::Result<std::shared_ptr<const policy::Policy>> read_policy(
    const base::CommonOptions& common) {
  policy::PolicyFile file = TRY(policy::read_policy_file(common));
  if (!file.exists) file = {"built-in", std::string(default_policy())};
  auto loaded =
      TRY(policy::load_policy(file, common, *policy::find_program("receive")));
  if (!loaded.policy)
    return base::fail(base::Code::config,
                      listed(loaded, loaded.diagnostics.errors, "error"));
  std::string warnings = listed(loaded, loaded.diagnostics.warnings, "warning");
  if (!warnings.empty()) base::complain(warnings);
  return loaded.policy;
}

base::Result<std::shared_ptr<const Service>> make_service(
    std::shared_ptr<const policy::Policy> policy, const Lasting& lasting) {
  Settings settings = TRY(Settings::of(*policy));
  std::array<bool, policy::kPhases> waits{};
  for (std::size_t i = 0; i < waits.size(); ++i)
    waits[i] = policy::may_wait(*policy, static_cast<policy::Phase>(i));
  World world{std::move(policy), lasting.resolver,   lasting.rates,
              lasting.main_log,  lasting.reject_log, lasting.panic_log,
              lasting.clock,     lasting.spool,      lasting.queue};
  return std::make_shared<const Service>(
      Service{std::move(world), std::move(settings), waits, lasting.spooler,
              lasting.pool, lasting.tls, lasting.scripts, Owner::of_this_process()});
}

}  // namespace receiver
