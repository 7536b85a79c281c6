// SPDX-License-Identifier: Apache-2.0
#include "receiver/service.h"

#include <utility>

#include "engine/program_policy.h"
#include "policy/programs.h"
#include "receiver/default_policy.h"

namespace receiver {

namespace {

// Certificates that are the same for everybody can be read now; others are when a
// client needs them.
base::Result<void> check_certificates(const policy::Options& main, net::TlsKeys& tls) {
  net::TlsSetting setting;
  auto is_plain = [&](std::string_view option, std::string& value) {
    const policy::Template* text = main.expanded(option);
    if (!text) return true;
    const std::string* literal = text->literal();
    if (literal) value = *literal;
    return literal != nullptr;
  };
  if (!is_plain("tls_certificate", setting.certificates) ||
      !is_plain("tls_privatekey", setting.keys) || setting.certificates.empty())
    return {};
  auto sound = tls.check(setting);
  if (sound) return {};
  return base::fail(base::Code::config,
                    "tls_certificate, tls_privatekey: " + sound.error().text);
}

}  // namespace

base::Result<std::shared_ptr<const policy::Policy>> read_policy(
    const base::CommonOptions& common) {
  return engine::program_policy(common, *policy::find_program("receive"),
                                default_policy());
}

base::Result<std::shared_ptr<const Service>> make_service(
    std::shared_ptr<const policy::Policy> policy, const Lasting& lasting) {
  Settings settings = TRY(Settings::of(*policy));
  Limits limits = Limits::of(policy->main);
  TRY(check_certificates(policy->main, lasting.tls));
  bool scripted = !policy->main.text("data_scripts").empty();
  std::array<bool, policy::kPhases> waits{};
  for (std::size_t i = 0; i < waits.size(); ++i)
    waits[i] = policy::may_wait(*policy, static_cast<policy::Phase>(i));
  World world{std::move(policy),  lasting.resolver,  lasting.rates, lasting.main_log,
              lasting.reject_log, lasting.panic_log, lasting.clock, lasting.spool,
              lasting.queue,      settings.log};
  return std::make_shared<const Service>(
      Service{std::move(world), std::move(settings), limits, waits, lasting.spooler,
              lasting.pool, lasting.tls, scripted ? lasting.scripts : nullptr,
              Owner::of_this_process()});
}

}  // namespace receiver
