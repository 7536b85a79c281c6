// SPDX-License-Identifier: Apache-2.0
#include "qrunner/smtp_settings.h"

#include "base/text.h"
#include "policy/list.h"
#include "policy/source.h"

namespace qrunner {

namespace {

using policy::Outcome;
using Text = std::optional<std::string>;

Outcome<std::uint16_t> port_of(std::string_view text) {
  text = policy::trimmed(text);
  if (text == "smtp") return 25;
  if (text == "smtps" || text == "submissions") return 465;
  if (text == "submission") return 587;
  if (text == "lmtp") return 24;
  auto number = base::to_number(text);
  if (number && *number > 0 && *number < 65536)
    return static_cast<std::uint16_t>(*number);
  return policy::cannot(policy::quote(text) + " is no port");
}

Outcome<SmtpSettings::Protocol> protocol_of(std::string_view text) {
  text = policy::trimmed(text);
  if (text == "smtp") return SmtpSettings::Protocol::smtp;
  if (text == "smtps") return SmtpSettings::Protocol::smtps;
  if (text == "lmtp") return SmtpSettings::Protocol::lmtp;
  return policy::cannot(policy::quote(text) + " is no protocol: smtp, smtps or lmtp");
}

std::string_view usual_port(SmtpSettings::Protocol protocol) {
  switch (protocol) {
    case SmtpSettings::Protocol::smtps:
      return "smtps";
    case SmtpSettings::Protocol::lmtp:
      return "lmtp";
    case SmtpSettings::Protocol::smtp:
      break;
  }
  return "smtp";
}

}  // namespace

Outcome<Text> option_text(const policy::Driver& driver, std::string_view name,
                          policy::Evaluation& evaluation) {
  const policy::Template* text = driver.options.expanded(name);
  if (!text) return std::nullopt;
  auto value = policy::expand(*text, evaluation);
  if (!value && value.error().kind == policy::Failure::Kind::forced)
    return std::nullopt;
  if (!value)
    return std::unexpected(policy::Failure{
        value.error().kind, "failed to expand " + std::string(name) + " of transport " +
                                driver.name + ": " + value.error().text});
  return *std::move(value);
}

Outcome<SmtpSettings> smtp_settings(const policy::Driver& transport,
                                    policy::Evaluation& evaluation) {
  SmtpSettings settings;
  auto protocol = option_text(transport, "protocol", evaluation);
  if (!protocol) return std::unexpected(protocol.error());
  auto chosen = protocol_of(protocol->value_or("smtp"));
  if (!chosen) return std::unexpected(chosen.error());
  settings.protocol = *chosen;
  auto port = option_text(transport, "port", evaluation);
  if (!port) return std::unexpected(port.error());
  auto number = port_of(port->value_or(std::string(usual_port(*chosen))));
  if (!number) return std::unexpected(number.error());
  settings.port = *number;
  auto helo = option_text(transport, "helo_data", evaluation);
  if (!helo) return std::unexpected(helo.error());
  settings.helo = helo->value_or(evaluation.policy.primary_hostname);
  auto interface = option_text(transport, "interface", evaluation);
  if (!interface) return std::unexpected(interface.error());
  settings.interface = interface->value_or("");
  auto sni = option_text(transport, "tls_sni", evaluation);
  if (!sni) return std::unexpected(sni.error());
  settings.sni = sni->value_or("");
  return settings;
}

SmtpSettings lmtp_settings(const policy::Policy& policy) {
  SmtpSettings settings;
  settings.protocol = SmtpSettings::Protocol::lmtp;
  settings.port = 0;
  settings.helo = policy.primary_hostname;
  return settings;
}

bool host_is_in(const policy::Driver& transport, std::string_view list, bool otherwise,
                policy::Evaluation& evaluation) {
  const policy::List* hosts = transport.options.list(list);
  if (!hosts) return otherwise;
  policy::ListSubject subject;
  subject.host = evaluation.context.host();
  auto matched = policy::match(*hosts, subject, evaluation);
  return matched && matched->matched;
}

}  // namespace qrunner
