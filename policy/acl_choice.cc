// SPDX-License-Identifier: Apache-2.0
#include "policy/acl_choice.h"

#include <algorithm>

#include "policy/acl_clauses.h"
#include "policy/policy.h"
#include "policy/written_text.h"

namespace policy {
namespace {

std::vector<const Template*> pointers(std::span<const Template> templates) {
  std::vector<const Template*> out;
  for (const Template& each : templates) out.push_back(&each);
  return out;
}

// acl = name argument "argument with blanks"
class NestedAclClause : public Clause {
 public:
  static constexpr std::size_t kMostArguments = 9;

  NestedAclClause(const ClauseHead& head, const SourceText& text,
                  std::vector<Template> words, Parsing& parsing)
      : Clause(head, text),
        words_(std::move(words)),
        choice_(std::move(words_.front()), arguments(), head.origin, parsing) {}

  Outcome<ClauseResult> run(AclFrame& frame) const override {
    std::vector<std::string> values;
    for (const Template& argument : arguments()) {
      auto value = expand(argument, frame.evaluation);
      if (!value) return std::unexpected(std::move(value).error());
      values.push_back(std::move(*value));
    }
    auto acl = choice_.resolve(frame.evaluation);
    if (!acl) return std::unexpected(std::move(acl).error());
    AclResult result = run_acl(**acl, values, frame.evaluation);
    frame.user_text = std::move(result.message);
    frame.log_text.reset();
    if (!result.log_message.empty()) frame.log_text = std::move(result.log_message);
    frame.may_tell = frame.may_tell || result.may_tell;
    return result_of(result.verdict);
  }

 private:
  std::span<const Template> arguments() const { return std::span(words_).subspan(1); }
  static ClauseResult result_of(AclResult::Verdict verdict) {
    switch (verdict) {
      case AclResult::Verdict::accept:
        return ClauseResult::ok;
      case AclResult::Verdict::refuse:
        return ClauseResult::fail;
      case AclResult::Verdict::drop:
        return ClauseResult::drop;
      case AclResult::Verdict::discard:
        return ClauseResult::discard;
      case AclResult::Verdict::defer:
        return ClauseResult::defer;
      case AclResult::Verdict::error:
        break;
    }
    return ClauseResult::error;
  }

  std::vector<Template> words_;  // the first one is moved into choice_
  AclChoice choice_;
};

}  // namespace

std::unique_ptr<const Clause> read_nested_acl(const ClauseHead& head,
                                              const SourceText& argument,
                                              Parsing& parsing) {
  std::vector<Template> words = split_words(parse_template(argument, parsing));
  if (words.empty()) {
    parsing.error(head.origin, "'acl' names no ACL: write its name");
    return nullptr;
  }
  if (words.size() > 1 + NestedAclClause::kMostArguments) {
    parsing.error(
        head.origin,
        "an ACL takes at most 9 arguments: put those with blanks into \"...\"");
    return nullptr;
  }
  return std::make_unique<NestedAclClause>(head, argument, std::move(words), parsing);
}

AclChoice::AclChoice(const SourceText& text, Parsing& parsing) {
  if (text.bytes().find_first_of("$\\") != std::string_view::npos &&
      !find_verb(text.bytes().substr(0, name_length(text.bytes())))) {
    text_ = parse_template(text, parsing);
    add_results(text_, {}, text.origin(), parsing);
    return;
  }
  text_ = Template::of(std::string(text.bytes()));
  add_target(text, {}, parsing);
}

AclChoice::AclChoice(Template name, std::span<const Template> arguments, Origin origin,
                     Parsing& parsing)
    : text_(std::move(name)) {
  add_results(text_, arguments, origin, parsing);
}

void AclChoice::add_results(const Template& text, std::span<const Template> arguments,
                            Origin origin, Parsing& parsing) {
  if (const std::string* literal = text.literal()) {
    SourceText source;
    source.append(*literal, origin);
    source.trim();
    if (!source.empty()) add_target(source, arguments, parsing);
    return;
  }
  if (!text.is_one_expansion()) return;  // found by name when it is asked for
  const Template::Piece& piece = text.pieces().front();
  may_differ_ = true;
  std::vector<const Template*> results;
  piece.expansion->results(results);
  for (const Template* result : results)
    add_results(*result, arguments, piece.origin, parsing);
}

void AclChoice::add_target(const SourceText& text, std::span<const Template> arguments,
                           Parsing& parsing) {
  std::string name(text.bytes());
  if (targets_.contains(name)) return;
  auto known = parsing.symbols.acls.find(name);
  if (known != parsing.symbols.acls.end()) {
    parsing.call(known->second, pointers(arguments), text.origin());
    targets_.emplace(std::move(name), known->second);
    return;
  }
  if (find_verb(std::string_view(name).substr(0, name_length(name)))) {
    auto in_place = std::make_unique<Acl>();
    in_place->origin = text.origin();
    in_place->statements = parse_statement_in_place(text, parsing);
    targets_.emplace(std::move(name), std::move(in_place));
    return;
  }
  if (name.starts_with('/')) {
    parsing.error(text.origin(),
                  "an ACL in a file is not part of the policy language: "
                  "write it below 'begin acl', or include it there");
    return;
  }
  std::vector<std::string_view> names;
  for (const auto& [each, id] : parsing.symbols.acls) names.push_back(each);
  // Of several names one may be meant never to be used, so that is not for us to say.
  std::string complaint = "unknown ACL " + quote(name) + did_you_mean(name, names);
  if (may_differ_)
    parsing.warning(text.origin(), std::move(complaint));
  else
    parsing.error(text.origin(), std::move(complaint));
}

const Acl* AclChoice::acl(const Target& target, const Policy& policy) {
  if (const Id* id = std::get_if<Id>(&target)) return &policy.acls[*id];
  return std::get<std::unique_ptr<const Acl>>(target).get();
}

Outcome<const Acl*> AclChoice::resolve(Evaluation& evaluation) const {
  const Policy& policy = evaluation.policy;
  if (text_.literal() && targets_.size() == 1)
    return acl(targets_.begin()->second, policy);
  auto value = expand(text_, evaluation);
  if (!value) return std::unexpected(std::move(value).error());
  std::string_view name = trimmed(*value);
  if (auto found = targets_.find(name); found != targets_.end())
    return acl(found->second, policy);
  static const Acl deny_all;
  if (name.empty()) return &deny_all;
  auto found = std::ranges::find(policy.acls, name, &Acl::name);
  if (found == policy.acls.end()) return cannot("unknown ACL " + quote(name));
  return &*found;
}

std::shared_ptr<const AclChoice> parse_acl_choice(const SourceText& text,
                                                  Parsing& parsing) {
  SourceText value = text;
  value.trim();
  if (value.empty()) return nullptr;
  return std::make_shared<const AclChoice>(value, parsing);
}

}  // namespace policy
