// SPDX-License-Identifier: Apache-2.0
#include "policy/phase.h"

namespace policy {

namespace {

constexpr std::array<std::string_view, kPhases> kPhaseNames = {
    "the connect ACL (acl_smtp_connect)",
    "the HELO ACL (acl_smtp_helo)",
    "the STARTTLS ACL (acl_smtp_starttls)",
    "the AUTH ACL (acl_smtp_auth)",
    "the MAIL ACL (acl_smtp_mail)",
    "the RCPT ACL (acl_smtp_rcpt)",
    "the PREDATA ACL (acl_smtp_predata)",
    "the DKIM ACL (acl_smtp_dkim)",
    "the DATA ACL (acl_smtp_data)",
    "the PRDR ACL (acl_smtp_data_prdr)",
    "the VRFY ACL (acl_smtp_vrfy)",
    "the EXPN ACL (acl_smtp_expn)",
    "the ETRN ACL (acl_smtp_etrn)",
    "the QUIT ACL (acl_smtp_quit)",
    "the not-QUIT ACL (acl_smtp_notquit)",
    "the start of local reception (acl_not_smtp_start)",
    "the local reception ACL (acl_not_smtp)",
    "a router",
    "a transport",
    "an authenticator",
    "a retry rule",
    "a main option",
};

// In the order of Feature.
constexpr std::array<std::string_view, kFeatures> kFeatureNames = {
    "nothing", "spf",      "dmarc",     "arc",   "dkim",       "dcc",        "bmi",
    "srs",     "tls",      "auth",      "proxy", "cutthrough", "requiretls", "callout",
    "verify",  "dnslists", "ratelimit", "dnsdb", "resolver",
};

}  // namespace

std::string_view phase_name(Phase phase) {
  return kPhaseNames[static_cast<std::size_t>(phase)];
}

std::string_view feature_name(Feature feature) {
  return kFeatureNames[static_cast<std::size_t>(feature)];
}

Program Program::any() {
  Program program{.name = "policy", .phases = Phases::all()};
  program.features.fill(true);
  return program;
}

}  // namespace policy
