// SPDX-License-Identifier: Apache-2.0
//
// Which ACL runs: the value of acl_smtp_... and the name after `acl =` (spec/policy.md
// 10.1).
//
// That is a name, a statement in place, or a template that comes to one of them.  The
// texts it can come to are read when the policy is, so a stranger can never choose an
// ACL that its author did not name.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "policy/acl.h"
#include "policy/template.h"

namespace policy {

class AclChoice {
 public:
  // The value of an option.
  AclChoice(const SourceText& text, Parsing& parsing);
  // The name in a clause, with the arguments that follow it there.
  AclChoice(Template name, std::span<const Template> arguments, Origin origin,
            Parsing& parsing);

  // An error if there is no such ACL.
  Outcome<const Acl*> resolve(Evaluation& evaluation) const;

 private:
  using Target = std::variant<Id, std::unique_ptr<const Acl>>;
  void add_target(const SourceText& text, std::span<const Template> arguments,
                  Parsing& parsing);
  void add_results(const Template& text, std::span<const Template> arguments,
                   Origin origin, Parsing& parsing);
  static const Acl* acl(const Target& target, const Policy& policy);

  Template text_;
  bool may_differ_ = false;  // the text is not the same each time
  std::map<std::string, Target, std::less<>> targets_;
};

// A verb with its clauses, of one line.  Empty after a complaint.
std::vector<Statement> parse_statement_in_place(const SourceText& line,
                                                Parsing& parsing);
// "deny" ...; nothing if `word` is no verb.
std::optional<Statement::Verb> find_verb(std::string_view word);
std::string_view verb_name(Statement::Verb verb);

}  // namespace policy
