// SPDX-License-Identifier: Apache-2.0
#include "policy/written_text.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "policy/evaluation.h"
#include "policy/source.h"

namespace policy {
namespace {

using Pieces = std::vector<Template::Piece>;

void append_literal(Pieces& pieces, std::string_view text) {
  if (pieces.empty() || pieces.back().expansion) pieces.emplace_back();
  pieces.back().literal += text;
}

void append_expansion(Pieces& pieces, Template::Piece& from) {
  if (pieces.empty() || pieces.back().expansion) pieces.emplace_back();
  Template::Piece& piece = pieces.back();
  piece.expansion = std::move(from.expansion);
  piece.origin = from.origin;
  piece.begin = from.begin;
  piece.end = from.end;
}

void trim(Pieces& pieces) {
  if (pieces.empty()) return;
  std::string& first = pieces.front().literal;
  first.erase(0, std::min(first.find_first_not_of(" \t"), first.size()));
  if (pieces.back().expansion) return;
  std::string& last = pieces.back().literal;
  last.erase(last.find_last_not_of(" \t") + 1);
  if (last.empty()) pieces.pop_back();
}

WrittenPart trimmed_part(std::string_view text, std::size_t written) {
  std::size_t front = std::min(text.find_first_not_of(" \t"), text.size());
  return {std::string(trimmed(text)), written - std::min(front, written)};
}

}  // namespace

std::vector<WrittenPart> cut_written(std::string_view text,
                                     std::string_view separators) {
  std::vector<WrittenPart> parts;
  while (true) {
    std::size_t end = std::min(text.find_first_of(separators), text.size());
    std::string_view part = trimmed(text.substr(0, end));
    parts.push_back({std::string(part), part.size()});
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

PartedText::PartedText(Template text, std::string_view separators, Parsing& parsing)
    : separators_(separators) {
  Pieces part;
  auto finish = [&] {
    trim(part);
    parts_.push_back({Template(std::exchange(part, {}))});
  };
  for (Template::Piece& piece : std::move(text).take_pieces()) {
    std::string_view literal = piece.literal;
    for (std::size_t end = 0;
         (end = literal.find_first_of(separators)) != literal.npos;) {
      append_literal(part, literal.substr(0, end));
      finish();
      literal.remove_prefix(end + 1);
    }
    append_literal(part, literal);
    if (piece.expansion) append_expansion(part, piece);
  }
  finish();
  for (Part& each : parts_)
    if (each.text.is_one_expansion())
      parsing.splices.push_back(
          {&each.text, &each.splice, each.text.pieces().front().origin});
}

bool PartedText::literal() const {
  return std::ranges::all_of(parts_,
                             [](const Part& part) { return part.text.literal(); });
}

std::vector<WrittenPart> PartedText::literal_parts() const {
  std::vector<WrittenPart> parts;
  for (const Part& part : parts_)
    parts.push_back({*part.text.literal(), part.text.literal()->size()});
  return parts;
}

const std::string* PartedText::literal_start() const {
  return parts_.front().text.literal();
}

Outcome<std::vector<WrittenPart>> PartedText::expand(Evaluation& evaluation) const {
  std::vector<WrittenPart> parts;
  for (const Part& part : parts_) {
    auto text = policy::expand(part.text, evaluation);
    if (!text) return std::unexpected(std::move(text).error());
    if (part.splice) {
      std::ranges::move(cut_written(*text, separators_), std::back_inserter(parts));
      continue;
    }
    const Pieces& pieces = part.text.pieces();
    bool all = part.text.literal() != nullptr;
    std::size_t written = pieces.empty() ? 0 : pieces.front().literal.size();
    parts.push_back(trimmed_part(*text, all ? text->size() : written));
  }
  return parts;
}

LinedText::LinedText(const SourceText& text, Parsing& parsing) {
  for (Template::Piece& piece : parse_template(text, parsing).take_pieces()) {
    Part& part = parts_.emplace_back();
    part.literal = std::exchange(piece.literal, {});
    if (!piece.expansion) continue;
    Origin origin = piece.origin;
    Pieces only;
    append_expansion(only, piece);
    part.expansion = Template(std::move(only));
    parsing.splices.push_back({&part.expansion, &part.trusted, origin, true});
  }
}

const std::string* LinedText::literal() const {
  static const std::string nothing;
  if (parts_.empty()) return &nothing;
  bool one = parts_.size() == 1 && parts_.front().expansion.pieces().empty();
  return one ? &parts_.front().literal : nullptr;
}

Outcome<std::string> LinedText::expand(Evaluation& evaluation,
                                       std::string_view instead) const {
  std::string out;
  for (const Part& part : parts_) {
    out += part.literal;
    std::size_t at = out.size();
    if (auto done = policy::expand(part.expansion, evaluation, out); !done)
      return std::unexpected(std::move(done).error());
    if (part.trusted) continue;
    for (; (at = out.find('\n', at)) != out.npos; at += instead.size())
      out.replace(at, 1, instead);
  }
  if (out.size() > evaluation.budget.output)
    return std::unexpected(
        Failure{Failure::Kind::limit, "the text is longer than an evaluation may be"});
  return out;
}

std::vector<Template> split_elements(Template text) {
  std::vector<Template> elements;
  Pieces element, pieces = std::move(text).take_pieces();
  char separator = ':';
  if (!pieces.empty()) {
    std::string& first = pieces.front().literal;
    std::size_t at = std::min(first.find_first_not_of(" \t"), first.size());
    bool named = at + 1 < first.size() && first[at] == '<' &&
                 std::ispunct(static_cast<unsigned char>(first[at + 1])) != 0;
    if (named) separator = first[at + 1];
    if (named) first.erase(0, at + 2);
  }
  auto finish = [&] {
    trim(element);
    elements.emplace_back(std::exchange(element, {}));
  };
  for (Template::Piece& piece : pieces) {
    std::string_view literal = piece.literal;
    for (std::size_t i = 0; i < literal.size(); ++i) {
      bool doubled = literal.substr(i + 1).starts_with(separator);
      if (literal[i] != separator || doubled)
        append_literal(element, literal.substr(i, 1));
      else
        finish();
      if (literal[i] == separator && doubled) ++i;
    }
    if (piece.expansion) append_expansion(element, piece);
  }
  finish();
  return elements;
}

std::vector<Template> split_words(Template text) {
  std::vector<Template> words;
  Pieces word;
  bool quoted = false, any = false;
  auto finish = [&] {
    if (any) words.emplace_back(std::exchange(word, {}));
    any = quoted = false;
  };
  for (Template::Piece& piece : std::move(text).take_pieces()) {
    std::string_view literal = piece.literal;
    for (std::size_t i = 0; i < literal.size(); ++i) {
      char c = literal[i];
      bool ends = i + 1 == literal.size() ? !piece.expansion : is_blank(literal[i + 1]);
      if (c == '"' && !any) {
        quoted = any = true;
      } else if (c == '"' && quoted && ends) {
        finish();
      } else if (is_blank(c) && !quoted) {
        finish();
      } else {
        append_literal(word, literal.substr(i, 1));
        any = true;
      }
    }
    if (!piece.expansion) continue;
    append_expansion(word, piece);
    any = true;
  }
  finish();
  return words;
}

}  // namespace policy
