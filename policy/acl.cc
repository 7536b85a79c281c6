// SPDX-License-Identifier: Apache-2.0
//
// The ACL section: names, verbs and clauses, and what can be said of a statement as it
// stands.
#include "policy/acl.h"

#include <algorithm>
#include <array>

#include "policy/acl_choice.h"
#include "policy/acl_clauses.h"
#include "policy/replies.h"
#include "policy/written_text.h"

namespace policy {
namespace {

using Verb = Statement::Verb;

// In the order of Verb.
constexpr auto kVerbs = std::to_array<std::string_view>(
    {"accept", "defer", "deny", "discard", "drop", "require", "warn"});

// In the order of Phase.
constexpr auto kOptions = std::to_array<std::string_view>(
    {"acl_smtp_connect", "acl_smtp_helo", "acl_smtp_starttls", "acl_smtp_auth",
     "acl_smtp_mail", "acl_smtp_rcpt", "acl_smtp_predata", "acl_smtp_dkim",
     "acl_smtp_data", "acl_smtp_data_prdr", "acl_smtp_vrfy", "acl_smtp_expn",
     "acl_smtp_etrn", "acl_smtp_quit", "acl_smtp_notquit", "acl_not_smtp_start",
     "acl_not_smtp"});

constexpr Phases kMayDiscard = Phases{Phase::mail, Phase::rcpt,      Phase::dkim,
                                      Phase::data, Phase::data_prdr, Phase::not_smtp} |
                               points::kNoAcl;

bool is_word(const Clause& clause, std::string_view name) {
  return clause.word.name == name;
}

bool is_condition(const Clause& clause) {
  return clause.word.kind == AclWord::Kind::condition;
}

class SectionParser {
 public:
  SectionParser(std::vector<Acl>& acls, Parsing& parsing)
      : acls_(acls), parsing_(parsing) {}

  void parse(std::span<const SourceText> lines) {
    for (const SourceText& line : lines) parse_line(line);
    finish_statement();
    parsing_.acl.reset();
  }

  // One line that is a whole ACL: verb and clause.
  std::vector<Statement> parse_in_place(const SourceText& line) {
    anywhere_ = true;
    parse_line(line);
    finish_statement();
    return std::move(in_place_);
  }

 private:
  void parse_line(const SourceText& line) {
    std::string_view bytes = line.bytes();
    std::string_view word = bytes.substr(0, name_length(bytes));
    std::size_t next = bytes.find_first_not_of(" \t", word.size());
    if (!anywhere_ && !word.empty() && next != bytes.npos && bytes[next] == ':')
      return start_acl(word, line, next);
    if (!anywhere_ && !parsing_.acl && !broken_) return complain_of_start(line);
    auto verb = find_verb(word);
    if (verb && (next == bytes.npos || bytes[next] != '=')) {
      start_statement(*verb, line.origin());
      if (next == bytes.npos) return;
      SourceText rest;
      rest.append(line, next, bytes.size() - next);
      return add_clause(rest);
    }
    add_clause(line);
  }

  void complain_of_start(const SourceText& line) {
    std::string_view word = line.bytes().substr(0, name_length(line.bytes()));
    parsing_.error(line.origin(), "missing or malformed ACL name before " +
                                      quote(word.empty() ? line.bytes() : word) +
                                      ": write 'name:' on a line of its own");
    broken_ = true;  // what follows belongs to an ACL, only nobody knows to which
  }

  void start_acl(std::string_view name, const SourceText& line, std::size_t colon) {
    finish_statement();
    broken_ = true;
    parsing_.acl.reset();
    if (colon + 1 < line.bytes().size()) {
      parsing_.error(line.origin(colon + 1),
                     "nothing can follow the name of an ACL: start its first statement "
                     "on the next line");
      return;
    }
    auto known = parsing_.symbols.acls.find(name);
    if (known == parsing_.symbols.acls.end()) return;  // names are collected before
    Id id = known->second;
    if (acls_.size() <= id) acls_.resize(id + 1);
    if (!acls_[id].name.empty()) {
      parsing_.error(line.origin(), "there are two ACLs called " + quote(name) +
                                        ": give one of them another name");
      return;
    }
    broken_ = false;
    acls_[id].name = name;
    acls_[id].origin = line.origin();
    parsing_.acl = id;
  }

  void start_statement(Verb verb, Origin origin) {
    finish_statement();
    statement_.emplace();
    statement_->verb = verb;
    statement_->origin = origin;
    if (verb == Verb::discard) parsing_.use("verb 'discard'", kMayDiscard, origin);
  }

  void add_clause(const SourceText& line) {
    bool first = !statement_;
    auto clause = parse_clause(line, parsing_);
    if (!clause) return;
    if (first) {
      if (!broken_)
        parsing_.error(line.origin(),
                       "a statement begins with a verb: write 'accept', 'deny', "
                       "'require', 'warn', 'defer', 'drop' or 'discard' before " +
                           quote(clause->word.name));
      return;
    }
    bool may_endpass =
        statement_->verb == Verb::accept || statement_->verb == Verb::discard;
    if (is_word(*clause, "endpass") && !may_endpass)
      parsing_.error(clause->origin, "'endpass' is not allowed with " +
                                         quote(verb_name(statement_->verb)) +
                                         ": only 'accept' and 'discard' can have it");
    statement_->clauses.push_back(std::move(clause));
  }

  void finish_statement() {
    if (!statement_) return;
    check_messages(*statement_);
    std::vector<Statement>* statements = &in_place_;
    if (!anywhere_)
      statements = parsing_.acl ? &acls_[*parsing_.acl].statements : nullptr;
    if (statements) {
      if (!statements->empty() && is_final(statements->back()))
        parsing_.warning(statement_->origin,
                         "this statement is never reached: the one before it always "
                         "decides");
      statements->push_back(std::move(*statement_));
    }
    statement_.reset();
  }

  static bool is_final(const Statement& statement) {
    bool decides = statement.verb != Verb::warn && statement.verb != Verb::require;
    return decides && std::ranges::none_of(statement.clauses, [](const auto& clause) {
             return is_condition(*clause);
           });
  }

  // Messages that nobody will ever see, and codes that will be dropped.
  void check_messages(const Statement& statement) {
    const auto& clauses = statement.clauses;
    bool endpass = std::ranges::any_of(
        clauses, [](const auto& clause) { return is_word(*clause, "endpass"); });
    bool failure_speaks = statement.verb == Verb::require || endpass;
    for (auto at = clauses.begin(); at != clauses.end(); ++at) {
      bool message = is_word(**at, "message");
      if (!message && !is_word(**at, "log_message")) continue;
      if (message && statement.verb == Verb::warn)
        parsing_.warning((*at)->origin,
                         "'message' of a 'warn' adds a header, which is the old way: "
                         "write 'add_header'");
      auto next = std::find_if(std::next(at), clauses.end(), [&](const auto& clause) {
        return clause->word.name == (*at)->word.name;
      });
      bool decided_before_next =
          std::any_of(std::next(at), next,
                      [](const auto& clause) { return is_condition(*clause); });
      bool used = failure_speaks ? decided_before_next : next == clauses.end();
      if (!used)
        parsing_.warning((*at)->origin,
                         quote((*at)->word.name) +
                             (next == clauses.end()
                                  ? " is never used: put it before the condition that "
                                    "decides"
                                  : " is never used: another one replaces it"));
    }
  }

  std::vector<Acl>& acls_;
  Parsing& parsing_;
  std::optional<Statement> statement_;
  bool broken_ = false;    // the last name could not be taken; clauses are still read
  bool anywhere_ = false;  // no names: a statement in place
  std::vector<Statement> in_place_;
};

}  // namespace

Acl::Acl() = default;
Acl::Acl(Acl&&) noexcept = default;
Acl& Acl::operator=(Acl&&) noexcept = default;
Acl::~Acl() = default;

std::optional<Verb> find_verb(std::string_view word) {
  auto found = std::ranges::find(kVerbs, word);
  if (found == kVerbs.end()) return std::nullopt;
  return static_cast<Verb>(found - kVerbs.begin());
}

std::string_view verb_name(Verb verb) {
  return kVerbs[static_cast<std::size_t>(verb)];
}

std::string_view acl_option(Phase phase) {
  auto index = static_cast<std::size_t>(phase);
  return index < kOptions.size() ? kOptions[index] : std::string_view();
}

std::optional<Phase> acl_option_phase(std::string_view option) {
  auto found = std::ranges::find(kOptions, option);
  if (found == kOptions.end()) return std::nullopt;
  return static_cast<Phase>(found - kOptions.begin());
}

void parse_acl_section(std::span<const SourceText> lines, std::vector<Acl>& acls,
                       Parsing& parsing) {
  SectionParser(acls, parsing).parse(lines);
}

std::vector<Statement> parse_statement_in_place(const SourceText& line,
                                                Parsing& parsing) {
  std::vector<Acl> none;
  return SectionParser(none, parsing).parse_in_place(line);
}

void check_verbs_at_end(std::span<const Acl> acls, Parsing& parsing) {
  constexpr Phases kEnds = {Phase::quit, Phase::notquit};
  for (const AclCall& call : parsing.acl_calls) {
    if (call.caller || (call.here & kEnds).empty() || call.callee >= acls.size())
      continue;
    Phase phase = call.here.contains(Phase::quit) ? Phase::quit : Phase::notquit;
    for (const Statement& statement : acls[call.callee].statements)
      if (statement.verb != Verb::accept && statement.verb != Verb::warn)
        parsing.error(statement.origin, "verb " + quote(verb_name(statement.verb)) +
                                            " cannot be used in " +
                                            std::string(phase_name(phase)) +
                                            ": there is nothing left to refuse");
  }
}

}  // namespace policy
