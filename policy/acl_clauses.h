// SPDX-License-Identifier: Apache-2.0
//
// Conditions and modifiers: the lines below a verb (spec/policy.md 10.2 and 10.5).
//
// A clause is read once and run many times, by many threads at once.  What it comes to
// is one of six results, or a failure of a template in it, which whoever runs the
// statement turns into a result.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/acl.h"
#include "policy/acl_words.h"
#include "policy/evaluation.h"
#include "policy/outcome.h"
#include "policy/parsing.h"

namespace policy {

class LinedText;

enum class ClauseResult : std::uint8_t { ok, fail, drop, discard, defer, error };

// What the clauses of a running statement leave for each other.
struct AclFrame {
  Evaluation& evaluation;
  Statement::Verb verb;
  // The modifiers seen last; null: none.
  const LinedText* message = nullptr;
  const LinedText* log_message = nullptr;
  bool endpass = false;
  // What conditions say by themselves: `verify`, nested ACLs.
  std::optional<std::string> user_text{}, log_text{};
  // A temporary failure whose reason the client may hear.
  bool may_tell = false;
  std::string reject_logs = "main,reject";
};

// The start of a clause as it was written.
struct ClauseHead {
  const AclWord& word;
  bool negated = false;
  Origin origin;
};

class Clause {
 public:
  Clause(const ClauseHead& head, const SourceText& argument)
      : word(head.word),
        negated(head.negated),
        origin(head.origin),
        written(argument.bytes()) {}
  virtual ~Clause() = default;
  Clause(const Clause&) = delete;
  Clause& operator=(const Clause&) = delete;

  // Before it is negated.
  virtual Outcome<ClauseResult> run(AclFrame& frame) const = 0;

  const AclWord& word;
  bool negated;
  Origin origin;
  std::string written;  // the argument, for those who show it
};

// The line of a clause, from its name on; null after a complaint.
std::unique_ptr<const Clause> parse_clause(const SourceText& line, Parsing& parsing);

// A value as messages show it: printable, in double quotes.
std::string in_quotes(std::string_view text);

// Readers of the table that have rooms of their own.
using ClauseReader = std::unique_ptr<const Clause>(const ClauseHead& head,
                                                   const SourceText& argument,
                                                   Parsing& parsing);
ClauseReader read_nested_acl, read_control, read_verify, read_ratelimit, read_dnslists;

}  // namespace policy
