// SPDX-License-Identifier: Apache-2.0
#include "policy/template.h"

#include "policy/evaluation.h"
#include "policy/template_parser.h"

namespace policy {

Template Template::of(std::string literal) {
  std::vector<Piece> pieces;
  if (!literal.empty()) pieces.push_back({std::move(literal), nullptr, {}});
  return Template(std::move(pieces));
}

const std::string* Template::literal() const {
  static const std::string empty;
  if (pieces_.empty()) return &empty;
  if (pieces_.size() == 1 && !pieces_[0].expansion) return &pieces_[0].literal;
  return nullptr;
}

bool Template::is_one_expansion() const {
  return pieces_.size() == 1 && pieces_[0].expansion && pieces_[0].literal.empty();
}

bool Template::remote(const Provenance& provenance) const {
  for (const Piece& piece : pieces_)
    if (piece.expansion && piece.expansion->remote(provenance)) return true;
  return false;
}

Template parse_template(const SourceText& text, Parsing& parsing) {
  return TemplateParser(text, parsing).take_all();
}

std::unique_ptr<const Condition> parse_condition(const SourceText& text,
                                                 Parsing& parsing) {
  return TemplateParser(text, parsing).take_only_condition();
}

Outcome<void> expand(const Template& text, Evaluation& evaluation, std::string& out) {
  for (const Template::Piece& piece : text.pieces()) {
    out += piece.literal;
    if (!piece.expansion) continue;
    TRY(take_step(evaluation));
    TRY(piece.expansion->expand(evaluation, out));
    if (out.size() > evaluation.budget.output)
      return over_limit("the result of an expansion is longer than allowed");
  }
  return {};
}

Outcome<std::string_view> expand_view(const Template& text, Evaluation& evaluation,
                                      std::string& buffer) {
  if (const std::string* literal = text.literal()) return *literal;
  buffer.clear();
  TRY(expand(text, evaluation, buffer));
  return buffer;
}

Outcome<std::string> expand(const Template& text, Evaluation& evaluation) {
  if (const std::string* literal = text.literal()) return *literal;
  std::string out;
  TRY(expand(text, evaluation, out));
  return out;
}

}  // namespace policy
