// SPDX-License-Identifier: Apache-2.0
//
// What the options of an smtp transport come to, for a message and for a host (Exim
// manual, "The smtp transport").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/evaluation.h"
#include "policy/policy.h"

namespace qrunner {

// As far as it tells connections apart.
struct SmtpSettings {
  enum class Protocol : std::uint8_t { smtp, smtps, lmtp } protocol = Protocol::smtp;
  std::uint16_t port = 25;
  std::string helo;
  std::string interface;  // our own address; "": the system's choice
  std::string sni;

  bool operator==(const SmtpSettings&) const = default;
};

// A failure says why the message has to wait.
policy::Outcome<SmtpSettings> smtp_settings(const policy::Driver& transport,
                                            policy::Evaluation& evaluation);

// Of a transport of the driver lmtp, which talks to a socket of this machine.
SmtpSettings lmtp_settings(const policy::Policy& policy);

// The option's text; nothing if it is not set or its expansion is forced to fail.
policy::Outcome<std::optional<std::string>> option_text(const policy::Driver& driver,
                                                        std::string_view name,
                                                        policy::Evaluation& evaluation);

// Is the host that the context is about in this list of the transport's?
bool host_is_in(const policy::Driver& transport, std::string_view list, bool otherwise,
                policy::Evaluation& evaluation);

}  // namespace qrunner
