// SPDX-License-Identifier: Apache-2.0
//
// Items that make a text of texts: sg, and those that are a function of their
// arguments; and readfile and acl.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "policy/acl_call.h"
#include "policy/authresults.h"
#include "policy/context.h"
#include "policy/digests.h"
#include "policy/evaluation.h"
#include "policy/expansion_items.h"
#include "policy/path_template.h"
#include "policy/pattern.h"
#include "policy/plain_list.h"
#include "policy/scope.h"
#include "policy/srs.h"
#include "policy/template_parser.h"
#include "policy/text_parts.h"

namespace policy {

namespace {

Outcome<std::vector<std::string>> expand_all(const std::vector<Template>& templates,
                                             Evaluation& evaluation) {
  std::vector<std::string> texts;
  texts.reserve(templates.size());
  for (const Template& text : templates) texts.push_back(TRY(expand(text, evaluation)));
  return texts;
}

bool any_remote(const std::vector<Template>& templates, const Provenance& provenance) {
  return std::ranges::any_of(
      templates, [&](const Template& text) { return text.remote(provenance); });
}

// ---- sg

// The replacement is a template twice over: what it comes to as an argument is expanded
// again for each match.  Both are parsed at load; what the first level inserts are
// holes in the text of the second, and can never be anything but data there.
struct Replacement {
  std::vector<Template::Piece> holes;  // each with its expansion alone
  Template text;
};

Replacement parse_replacement(Template first_level, Origin origin,
                              TemplateParser& parser) {
  Replacement replacement;
  SourceText source;
  for (Template::Piece& piece : std::move(first_level).take_pieces()) {
    source.append(piece.literal, piece.expansion ? piece.origin : origin);
    if (!piece.expansion) continue;
    source.append(std::string_view("\0", 1), piece.origin);
    replacement.holes.push_back({"", std::move(piece.expansion), piece.origin});
  }
  replacement.text = parser.take_second_level(source, replacement.holes.size());
  return replacement;
}

class Substitute final : public Expansion {
 public:
  Substitute(Template subject, Pattern pattern, Replacement replacement)
      : subject_(std::move(subject)),
        pattern_(std::move(pattern)),
        replacement_(std::move(replacement)) {}

  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string buffer;
    std::string_view subject = TRY(expand_view(subject_, evaluation, buffer));
    auto regex = TRY(pattern_.regex(evaluation));
    std::vector<std::string> holes(replacement_.holes.size());
    for (std::size_t i = 0; i < holes.size(); ++i)
      TRY(replacement_.holes[i].expansion->expand(evaluation, holes[i]));

    SavedCaptures captures(evaluation);
    auto outer = std::exchange(evaluation.holes, holes);
    auto done = replace_all(*regex, subject, evaluation, out);
    evaluation.holes = outer;
    return done;
  }

  bool remote(const Provenance& provenance) const override {
    bool subject = subject_.remote(provenance);
    if (subject || replacement_.text.remote(provenance.with_captures(subject)))
      return true;
    return std::ranges::any_of(replacement_.holes, [&](const Template::Piece& hole) {
      return hole.expansion->remote(provenance);
    });
  }

 private:
  // As Perl does it: behind an empty match, one that is not empty is tried at the same
  // place; if there is none, a byte passes.
  Outcome<void> replace_all(const base::Regex& regex, std::string_view subject,
                            Evaluation& evaluation, std::string& out) const {
    const std::string* literal = replacement_.text.literal();
    std::array<std::string_view, Captures::kMost> groups;
    base::Regex::From from;
    std::size_t copied = 0;
    for (;;) {
      TRY(take_step(evaluation));
      auto matched = regex.match(subject, groups, from);
      if (!matched) return cannot(std::move(matched.error().text));
      if (*matched == 0) {
        if (!from.here_not_empty || from.offset >= subject.size()) break;
        from = {from.offset + 1, false};
        continue;
      }
      std::size_t begin = static_cast<std::size_t>(groups[0].data() - subject.data());
      out += subject.substr(copied, begin - copied);
      if (literal) {
        out += *literal;
      } else {
        evaluation.captures.assign(
            std::span(groups).first(std::min(*matched, groups.size())));
        TRY(policy::expand(replacement_.text, evaluation, out));
      }
      if (out.size() > evaluation.budget.output)
        return over_limit("the result of 'sg' is longer than allowed");
      copied = begin + groups[0].size();
      from = {copied, groups[0].empty()};
    }
    out += subject.substr(copied);
    return {};
  }

  Template subject_;
  Pattern pattern_;
  Replacement replacement_;
};

// ---- functions of their arguments

using Arguments = std::span<const std::string>;

struct Function {
  std::string_view name;
  std::size_t least, most;
  Outcome<std::string> (*call)(Arguments arguments, Evaluation& evaluation);
  // Tried at load if all arguments are literals; null: it needs more than them.
  base::Result<std::string> (*pure)(Arguments arguments);
};

template <PartKind kKind>
base::Result<std::string> part(Arguments arguments) {
  return part_item(kKind, arguments);
}

template <base::Result<std::string> (*kPure)(Arguments)>
Outcome<std::string> impure(Arguments arguments, Evaluation&) {
  return outcome(kPure(arguments));
}

base::Result<std::string> call_hmac(Arguments arguments) {
  return hmac_item(arguments[0], arguments[1], arguments[2]);
}
Outcome<std::string> call_listquote(Arguments arguments, Evaluation&) {
  return quote_element(arguments[0], arguments[1]);
}
Outcome<std::string> call_tr(Arguments arguments, Evaluation&) {
  return translate(arguments[0], arguments[1], arguments[2]);
}
Outcome<std::string> call_authresults(Arguments arguments, Evaluation& evaluation) {
  return authentication_results(arguments[0], evaluation.context);
}
Outcome<std::string> call_srs_encode(Arguments arguments, Evaluation& evaluation) {
  return outcome(
      srs_encode(arguments[0], arguments[1], arguments[2], today(evaluation.context)));
}

template <base::Result<std::string> (*kPure)(Arguments)>
constexpr Function pure_function(std::string_view name, std::size_t least,
                                 std::size_t most) {
  return {name, least, most, impure<kPure>, kPure};
}

constexpr auto kFunctions = std::to_array<Function>({
    {"authresults", 1, 1, call_authresults, nullptr},
    pure_function<part<PartKind::hash>>("hash", 2, 3),
    pure_function<call_hmac>("hmac", 3, 3),
    pure_function<part<PartKind::length>>("length", 2, 2),
    {"listquote", 2, 2, call_listquote, nullptr},
    pure_function<part<PartKind::nhash>>("nhash", 2, 3),
    {"srs_encode", 3, 3, call_srs_encode, nullptr},
    pure_function<part<PartKind::substr>>("substr", 2, 3),
    {"tr", 3, 3, call_tr, nullptr},
});

class Call final : public Expansion {
 public:
  Call(const Function& function, std::vector<Template> arguments)
      : function_(function), arguments_(std::move(arguments)) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    auto arguments = TRY(expand_all(arguments_, evaluation));
    out += TRY(function_.call(arguments, evaluation));
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return function_.call == call_authresults || any_remote(arguments_, provenance);
  }

 private:
  const Function& function_;
  std::vector<Template> arguments_;
};

// ---- readfile and acl

class ReadFileItem final : public Expansion {
 public:
  ReadFileItem(Template file, std::optional<Template> newline)
      : file_(std::move(file)), newline_(std::move(newline)) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    std::string buffer;
    std::string_view path = TRY(expand_path_view(file_, evaluation, buffer));
    std::optional<std::string> newline;
    if (newline_) newline = TRY(policy::expand(*newline_, evaluation));
    auto text = base::read_file(path, evaluation.budget.output);
    if (!text) return cannot(std::move(text.error().text));
    for (char c : *text) {
      if (c == '\n' && newline)
        out += *newline;
      else
        out += c;
    }
    return {};
  }
  bool remote(const Provenance& provenance) const override {
    return newline_ && newline_->remote(provenance);
  }

 private:
  Template file_;
  std::optional<Template> newline_;
};

class AclItem final : public Expansion {
 public:
  explicit AclItem(std::unique_ptr<const CalledAcl> call) : call_(std::move(call)) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    auto answer = TRY(call_->run(evaluation));
    out += answer.message;
    return {};
  }
  // Its message may be made of anything.
  bool remote(const Provenance&) const override { return true; }

 private:
  std::unique_ptr<const CalledAcl> call_;
};

}  // namespace

ExpansionPtr parse_sg(TemplateParser& parser, const ItemInfo&, Origin) {
  constexpr std::string_view kOwner = "item 'sg'";
  auto subject = parser.take_argument(kOwner);
  if (!subject) return nullptr;
  auto pattern = take_pattern(parser, kOwner);
  if (!pattern) return nullptr;
  parser.skip_blanks();
  const Origin origin = parser.here();
  auto first_level = parser.take_argument(kOwner);
  if (!first_level) return nullptr;
  TemplateParser::Perhaps perhaps(parser);
  Replacement replacement = parse_replacement(*std::move(first_level), origin, parser);
  return std::make_unique<Substitute>(*std::move(subject), *std::move(pattern),
                                      std::move(replacement));
}

ExpansionPtr parse_call(TemplateParser& parser, const ItemInfo& info, Origin origin) {
  const Function& function = *std::ranges::find(kFunctions, info.name, &Function::name);
  const std::string owner = "item '" + std::string(info.name) + "'";
  auto arguments = parser.take_arguments(owner, function.least, function.most);
  if (!arguments) return nullptr;
  std::vector<std::string> literals;
  for (const Template& argument : *arguments)
    if (const std::string* literal = argument.literal()) literals.push_back(*literal);
  if (function.pure && literals.size() == arguments->size())
    if (auto tried = function.pure(literals); !tried)
      parser.parsing().error(origin, owner + ": " + tried.error().text);
  if (function.call == call_authresults)
    parser.parsing().may_wait();  // for the client's name
  return std::make_unique<Call>(function, *std::move(arguments));
}

ExpansionPtr parse_readfile(TemplateParser& parser, const ItemInfo&, Origin) {
  auto arguments = parser.take_arguments("item 'readfile'", 1, 2);
  if (!arguments) return nullptr;
  std::optional<Template> newline;
  if (arguments->size() == 2) newline = std::move((*arguments)[1]);
  return std::make_unique<ReadFileItem>(std::move((*arguments)[0]), std::move(newline));
}

ExpansionPtr parse_acl(TemplateParser& parser, const ItemInfo&, Origin) {
  auto call = take_acl_call(parser);
  if (!call) return nullptr;
  return std::make_unique<AclItem>(std::move(call));
}

}  // namespace policy
