// SPDX-License-Identifier: Apache-2.0
//
// The options of authenticators (spec/policy.md 15.2; Exim manual, "SMTP
// authentication").
#include <algorithm>
#include <array>

#include "policy/option_table.h"

namespace policy {
namespace {

using namespace table;

constexpr auto kNotServed =
    "plaintext, external, tls and Dovecot's authenticator are served";
constexpr auto kDebug = "tracing shows each decision";

constexpr std::array kOptions{
    row("client_condition", T::expanded, "", "Whether to use it as a client."),
    out("client_domain", kNotServed, "spa"),
    ignored("client_ignore_invalid_base64", T::boolean, "", "plaintext"),
    out("client_name", kNotServed, "cram_md5"),
    out("client_password", kNotServed, "spa"),
    out("client_secret", kNotServed, "cram_md5"),
    secret(row("client_send", T::expanded, "", "What we send, parted by colons.",
               "plaintext external")),
    row("client_set_id", T::expanded, "", "Whom the log names."),
    out("client_username", kNotServed, "spa"),
    mandatory(row("driver", T::text, "", "The kind of authenticator.")),
    row("public_name", T::text, "the authenticator's name",
        "The mechanism as it is offered."),
    row("server_advertise_condition", T::expanded, "", "Whether to offer it."),
    out("server_channelbinding", kNotServed, "gsasl"),
    row("server_condition", T::expanded, "", "Whether the client is who it says."),
    out("server_debug_print", kDebug),
    out("server_hostname", kNotServed, "cyrus_sasl"),
    out("server_keytab", kNotServed, "heimdal_gssapi"),
    row("server_mail_auth_condition", T::expanded, "",
        "Whether to take the AUTH parameter of MAIL."),
    out("server_mech", kNotServed, "cyrus_sasl"),
    row("server_param", T::expanded, "", "The same as server_param1.", "tls"),
    row("server_param1", T::expanded, "", "The first parameter.", "tls"),
    row("server_param2", T::expanded, "", "The second parameter.", "tls external"),
    row("server_param3", T::expanded, "", "The third parameter.", "tls external"),
    out("server_password", kNotServed, "spa"),
    row("server_prompts", T::expanded, "", "What the client is asked, a list.",
        "plaintext"),
    out("server_realm", kNotServed, "cyrus_sasl"),
    out("server_secret", kNotServed, "cram_md5"),
    out("server_service", kNotServed, "cyrus_sasl"),
    row("server_set_id", T::expanded, "", "What $authenticated_id becomes."),
    row("server_socket", T::text, "",
        "Where Dovecot's authenticator listens, /path or host and port.", "dovecot"),
};

constexpr std::array kDrivers{
    DriverInfo{"cram_md5", kNotServed},
    DriverInfo{"cyrus_sasl", kNotServed},
    DriverInfo{"dovecot"},
    DriverInfo{"external"},
    DriverInfo{"gsasl", kNotServed},
    DriverInfo{"heimdal_gssapi", kNotServed},
    DriverInfo{"plaintext"},
    DriverInfo{"spa", kNotServed},
    DriverInfo{"tls"},
};

static_assert(std::ranges::is_sorted(kOptions, {}, &OptionInfo::name));

}  // namespace

std::span<const OptionInfo> authenticator_option_table() {
  return kOptions;
}
std::span<const DriverInfo> authenticator_drivers() {
  return kDrivers;
}

}  // namespace policy
