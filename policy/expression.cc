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
auto parse_alone(const Policy& policy, std::string_view text, const Program& program,
                 Diagnostics& diagnostics, Parse parse) {
  const Symbols symbols = symbols_of(policy);
  Parsing parsing{.symbols = symbols, .program = program, .diagnostics = diagnostics};
  auto parsed = parse(SourceText(text, 0, 1), parsing);
  // Nobody knows what was assigned to the variables: only the tables of names count.
  const Provenance careful;
  for (const SpliceCandidate& candidate : parsing.splices)
    *candidate.splice = !candidate.text->remote(careful);
  return parsed;
}

}  // namespace

Template parse_expression(const Policy& policy, std::string_view text,
                          const Program& program, Diagnostics& diagnostics) {
  return parse_alone(policy, text, program, diagnostics, parse_template);
}

std::unique_ptr<const Condition> parse_lone_condition(const Policy& policy,
                                                      std::string_view text,
                                                      const Program& program,
                                                      Diagnostics& diagnostics) {
  return parse_alone(policy, text, program, diagnostics, parse_condition);
}

ListPtr parse_lone_list(const Policy& policy, ListKind kind, std::string_view text,
                        const Program& program, Diagnostics& diagnostics) {
  return parse_alone(policy, text, program, diagnostics,
                     [kind](const SourceText& source, Parsing& parsing) {
                       return parse_list(kind, source, parsing);
                     });
}

}  // namespace policy
