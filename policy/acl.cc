// SPDX-License-Identifier: Apache-2.0
#include "policy/acl.h"

#include "policy/acl_choice.h"
#include "policy/acl_clauses.h"

namespace policy {

Acl::Acl() = default;
Acl::Acl(Acl&&) noexcept = default;
Acl& Acl::operator=(Acl&&) noexcept = default;
Acl::~Acl() = default;

std::string_view acl_option(Phase) {
  return {};
}
std::optional<Phase> acl_option_phase(std::string_view) {
  return std::nullopt;
}
std::shared_ptr<const AclChoice> parse_acl_choice(const SourceText&, Parsing&) {
  return nullptr;
}
void parse_acl_section(std::span<const SourceText>, std::vector<Acl>&, Parsing&) {}

AclResult run_acl(Id, std::span<const std::string>, Evaluation&) {
  return {};
}
AclResult run_acl(const Policy&, Phase, Context&) {
  return {};
}

}  // namespace policy
