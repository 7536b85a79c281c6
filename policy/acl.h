// SPDX-License-Identifier: Apache-2.0
//
// Access control lists: what a verb says about a client, a recipient, a message
// (spec/policy.md chapter 10; Exim manual, "Access control lists").
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/context.h"
#include "policy/evaluation.h"
#include "policy/list.h"
#include "policy/parsing.h"
#include "policy/template.h"

namespace policy {

struct Policy;

class Clause;  // a condition or modifier (policy/acl_clauses.h)

struct Statement {
  enum class Verb : std::uint8_t { accept, defer, deny, discard, drop, require, warn };
  Verb verb = Verb::accept;
  std::vector<std::unique_ptr<const Clause>> clauses;
  Origin origin;
};

struct Acl {
  std::string name;
  std::vector<Statement> statements;
  Origin origin;
  Phases phases;  // from the options and ACLs that reach it

  Acl();
  Acl(Acl&&) noexcept;
  Acl& operator=(Acl&&) noexcept;
  ~Acl();
};

struct AclResult {
  enum class Verdict : std::uint8_t { accept, refuse, drop, discard, defer, error };
  Verdict verdict = Verdict::refuse;
  // Set by the policy: replaces the text of the reply; empty: the default text.  Digits
  // at its start are taken off already and stand in `code` and `enhanced`.
  std::optional<std::string> message;
  std::string code, enhanced;  // "550", "5.7.1"; empty: the point's own
  std::string log_message;     // what the log says after "rejected RCPT <...>: "
  std::string reject_logs = "main,reject";  // where it says so
  bool may_tell = false;  // `message` of a deferral is for the client, too
};

// What an option like acl_smtp_rcpt says: an ACL's name, a template whose literal
// results are names, or statements in place (10.1).  Null: not set.
class AclChoice;  // policy/acl_choice.h
// Its calls of ACLs are noted in `parsing.acl_calls`, `parsing.phases` being where.
std::shared_ptr<const AclChoice> parse_acl_choice(const SourceText& text,
                                                  Parsing& parsing);

// "acl_smtp_rcpt" for Phase::rcpt, and back; empty and nothing for what is no ACL.
std::string_view acl_option(Phase phase);
std::optional<Phase> acl_option_phase(std::string_view option);

// Parses the lines of the ACL section from `name:` lines on into `acls`, which stand in
// the order of Symbols::acls.
void parse_acl_section(std::span<const SourceText> lines, std::vector<Acl>& acls,
                       Parsing& parsing);

// Complains of verbs that refuse something where there is nothing to refuse: in ACLs
// that the QUIT and not-QUIT options name.  Nested ones may do as they like.
void check_verbs_at_end(std::span<const Acl> acls, Parsing& parsing);

// Runs an ACL with its arguments inside an evaluation: `acl =`, `${acl`, `if acl`.
AclResult run_acl(const Acl& acl, std::span<const std::string> arguments,
                  Evaluation& evaluation);
AclResult run_acl(Id acl, std::span<const std::string> arguments,
                  Evaluation& evaluation);

// Runs what the option for `phase` names, as the SMTP server calls it; see 10.1 for
// what an unset option means.
AclResult run_acl(const Policy& policy, Phase phase, Context& context);

}  // namespace policy
