// SPDX-License-Identifier: Apache-2.0
#include "policy/template.h"

#include "policy/evaluation.h"
#include "policy/template_parser.h"

namespace policy {

Template::Template(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {
  if (pieces_.empty() || pieces_.back().expansion) return;
  tail_ = std::move(pieces_.back().literal);
  pieces_.pop_back();
}

Template Template::of(std::string literal) {
  Template text;
  text.tail_ = std::move(literal);
  return text;
}

std::vector<Template::Piece> Template::take_pieces() && {
  std::vector<Piece> pieces = std::move(pieces_);
  if (!tail_.empty()) pieces.push_back({std::move(tail_), nullptr, {}});
  return pieces;
}

bool Template::remote(const Provenance& provenance) const {
  for (const Piece& piece : pieces_)
    if (piece.expansion->remote(provenance)) return true;
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
    TRY(take_step(evaluation));
    TRY(piece.expansion->expand(evaluation, out));
    if (out.size() > evaluation.budget.output)
      return over_limit("the result of an expansion is longer than allowed");
  }
  out += text.tail();
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
