// SPDX-License-Identifier: Apache-2.0
//
// When something is evaluated, and for which program: what may be used depends on both
// (spec/policy.md sections 10.1, 11 and 17).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace policy {

enum class Phase : std::uint8_t {
  connect,
  helo,
  starttls,
  auth,
  mail,
  rcpt,
  predata,
  dkim,
  data,
  data_prdr,
  vrfy,
  expn,
  etrn,
  quit,
  notquit,
  not_smtp_start,
  not_smtp,  // the ACLs, as acl_smtp_... name them
  router,
  transport,
  authenticator,
  retry,
  other,  // main options and what tools evaluate: everything may be used
};
constexpr std::size_t kPhases = 22;

// As messages name it: "the RCPT ACL (acl_smtp_rcpt)", "a router".
std::string_view phase_name(Phase phase);

class Phases {
 public:
  constexpr Phases() = default;
  constexpr Phases(std::initializer_list<Phase> phases) {
    for (Phase phase : phases) bits_ |= bit(phase);
  }
  static constexpr Phases all() {
    Phases phases;
    phases.bits_ = (1U << kPhases) - 1;
    return phases;
  }
  constexpr bool contains(Phase phase) const { return (bits_ & bit(phase)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr Phases operator|(Phases other) const { return from(bits_ | other.bits_); }
  constexpr Phases operator&(Phases other) const { return from(bits_ & other.bits_); }
  constexpr Phases operator~() const { return from(~bits_ & all().bits_); }
  constexpr bool operator==(const Phases&) const = default;

 private:
  static constexpr std::uint32_t bit(Phase phase) {
    return 1U << static_cast<unsigned>(phase);
  }
  static constexpr Phases from(std::uint32_t bits) {
    Phases phases;
    phases.bits_ = bits;
    return phases;
  }
  std::uint32_t bits_ = 0;
};

// What not every program can serve.  A policy that uses one the program lacks does not
// load there, in the sections that this program evaluates.
enum class Feature : std::uint8_t {
  none,  // needs nothing in particular
  spf,
  dmarc,
  arc,
  dkim,
  dcc,
  bmi,
  srs,
  tls,
  auth,
  proxy,
  cutthrough,
  requiretls,
  callout,
  verify,
  dnslists,
  ratelimit,
  dnsdb,
  resolver,
};
constexpr std::size_t kFeatures = 19;  // without none
std::string_view feature_name(Feature feature);

// Who loads the policy.
struct Program {
  std::string_view name;  // "receive"
  Phases phases;          // what it evaluates; elsewhere anything known may stand
  std::array<bool, kFeatures + 1> features{};  // by Feature
  // Serves REQUIRETLS for a policy with requiretls_consumer.
  bool requiretls_if_promised = false;

  bool serves(Feature feature) const {
    return feature == Feature::none || features[static_cast<std::size_t>(feature)];
  }
  // For `bobbin policy`: everything that is known.
  static Program any();
};

}  // namespace policy
