// SPDX-License-Identifier: Apache-2.0
//
// The parts of a policy: main options first, then sections in any order, each at most
// once (spec/policy.md 2.3; Exim manual, "The Exim configuration file").
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policy/lines.h"
#include "policy/parsing.h"

namespace policy {

// The logical lines of each; those of a section without its `begin`.
struct Sections {
  using Part = std::span<const SourceText>;
  Part main, acl, routers, transports, retry, authenticators;
};
Sections split_sections(std::span<const SourceText> lines, Diagnostics& diagnostics);

// "domainlist a = ..." taken apart; nothing if `line` does not begin like one.
struct NamedListLine {
  ListKind kind = ListKind::domain;
  std::string name;
  Origin origin;     // of the name
  SourceText value;  // quotes removed
};
bool is_named_list(const SourceText& line);
// Nothing, and a complaint, if it is not well made.
std::optional<NamedListLine> parse_named_list(const SourceText& line,
                                              Diagnostics& diagnostics);

// "name:", as ACLs and drivers begin: the name, or nothing.
std::optional<std::string> heading(const SourceText& line);

// Lines that hold a secret, by "hide" or by their option, are never shown (18.9).
void conceal_secrets(std::span<const SourceText> lines, Places& places);

}  // namespace policy
