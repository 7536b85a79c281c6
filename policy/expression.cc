// SPDX-License-Identifier: Apache-2.0
#include "policy/expression.h"

namespace policy {

namespace {

template <class Named>
Names names_of(const std::vector<Named>& all) {
  Names names;
  for (const Named& named : all) names.emplace(named.name, names.size());
  return names;
}

Symbols symbols_of(const Policy& policy) {
  Symbols symbols{.acls = names_of(policy.acls),
                  .lists = {},
                  .routers = names_of(policy.routers),
                  .transports = names_of(policy.transports),
                  .authenticators = names_of(policy.authenticators)};
  for (std::size_t kind = 0; kind < kNamedListKinds; ++kind)
    symbols.lists[kind] = names_of(policy.lists[kind]);
  return symbols;
}

template <class Parse>
auto parse_alone(const Symbols& symbols, std::string_view text, const Program& program,
                 Diagnostics& diagnostics, Parse parse) {
  Parsing parsing{.symbols = symbols, .program = program, .diagnostics = diagnostics};
  auto parsed = parse(SourceText(text, 0, 1), parsing);
  // Nobody knows what was assigned to the variables: only the tables of names count.
  const Provenance careful;
  for (const SpliceCandidate& candidate : parsing.splices)
    *candidate.splice = !candidate.text->remote(careful);
  return parsed;
}

}  // namespace

Expressions::Expressions(const Policy& policy, const Program& program)
    : program_(program), symbols_(symbols_of(policy)) {}

Template Expressions::parse(std::string_view text, Diagnostics& diagnostics) const {
  return parse_alone(symbols_, text, program_, diagnostics, parse_template);
}

std::unique_ptr<const Condition> Expressions::parse_condition(
    std::string_view text, Diagnostics& diagnostics) const {
  return parse_alone(symbols_, text, program_, diagnostics, policy::parse_condition);
}

ListPtr Expressions::parse_list(ListKind kind, std::string_view text,
                                Diagnostics& diagnostics) const {
  return parse_alone(symbols_, text, program_, diagnostics,
                     [kind](const SourceText& source, Parsing& parsing) {
                       return policy::parse_list(kind, source, parsing);
                     });
}

Template parse_expression(const Policy& policy, std::string_view text,
                          const Program& program, Diagnostics& diagnostics) {
  return Expressions(policy, program).parse(text, diagnostics);
}

std::unique_ptr<const Condition> parse_lone_condition(const Policy& policy,
                                                      std::string_view text,
                                                      const Program& program,
                                                      Diagnostics& diagnostics) {
  return Expressions(policy, program).parse_condition(text, diagnostics);
}

ListPtr parse_lone_list(const Policy& policy, ListKind kind, std::string_view text,
                        const Program& program, Diagnostics& diagnostics) {
  return Expressions(policy, program).parse_list(kind, text, diagnostics);
}

}  // namespace policy
