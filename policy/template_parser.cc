// SPDX-License-Identifier: Apache-2.0
#include "policy/template_parser.h"

#include <utility>

#include "base/text.h"
#include "policy/escapes.h"
#include "policy/evaluation.h"
#include "policy/expansion_items.h"
#include "policy/operators.h"
#include "policy/references.h"
#include "policy/variables.h"

namespace policy {

namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alnum(char c) {
  return is_name_char(c) && c != '_';
}
constexpr bool is_space(char c) {
  return is_blank(c) || c == '\n';
}

// Value `at` inside the replacement of an ${sg}.
class Hole final : public Expansion {
 public:
  explicit Hole(std::size_t at) : at_(at) {}
  Outcome<void> expand(Evaluation& evaluation, std::string& out) const override {
    out += evaluation.holes[at_];
    return {};
  }
  // Whoever has holes asks what fills them.
  bool remote(const Provenance&) const override { return false; }

 private:
  std::size_t at_;
};

class Not final : public Condition {
 public:
  explicit Not(ConditionPtr inner) : inner_(std::move(inner)) {}
  Outcome<bool> holds(Evaluation& evaluation) const override {
    return !TRY(inner_->holds(evaluation));
  }
  bool remote(const Provenance& provenance) const override {
    return inner_->remote(provenance);
  }

 private:
  ConditionPtr inner_;
};

std::string& last_literal(std::vector<Template::Piece>& pieces) {
  if (pieces.empty() || pieces.back().expansion) pieces.emplace_back();
  return pieces.back().literal;
}

std::vector<std::string_view> names_of_what_follows_a_brace() {
  std::vector<std::string_view> names;
  for (const ItemInfo& item : items()) names.push_back(item.name);
  for (const OperatorInfo& info : operators()) names.push_back(info.name);
  for (const VariableInfo& variable : variables()) names.push_back(variable.name);
  return names;
}

std::string left_out(std::string_view word, std::string_view reason) {
  return std::string(word) +
         " is not part of the policy language: " + std::string(reason);
}

}  // namespace

// One level of braces, as long as it lives.
class TemplateParser::Deeper {
 public:
  explicit Deeper(TemplateParser& parser) : parser_(parser) { ++parser_.depth_; }
  ~Deeper() { --parser_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

  bool too_deep() const {
    if (parser_.depth_ <= kDeepest) return false;
    parser_.complain("braces are nested more than " + std::to_string(kDeepest) +
                     " deep");
    return true;
  }

 private:
  TemplateParser& parser_;
};

void TemplateParser::skip_blanks() {
  while (!at_end() && is_space(bytes_[at_])) ++at_;
}

bool TemplateParser::accept(char c) {
  if (at_end() || bytes_[at_] != c) return false;
  ++at_;
  return true;
}

bool TemplateParser::expect(char c, std::string_view owner) {
  if (accept(c)) return true;
  std::string wanted = "'" + std::string(1, c) + "'";
  if (at_end())
    complain(wanted + " is missing at the end: " + std::string(owner) + " goes on");
  else
    complain(wanted + " expected in " + std::string(owner) + ", not " +
             quote(bytes_.substr(at_, 20)));
  return false;
}

std::string_view TemplateParser::take_name(std::string_view more) {
  std::size_t begin = at_;
  while (!at_end() && (is_alnum(bytes_[at_]) || more.contains(bytes_[at_]))) ++at_;
  return bytes_.substr(begin, at_ - begin);
}

std::string_view TemplateParser::take_lookup_type() {
  std::size_t end = std::min(bytes_.find_first_of("{} \t\n", at_), bytes_.size());
  std::size_t begin = std::exchange(at_, end);
  return bytes_.substr(begin, end - begin);
}

void TemplateParser::complain_of_constant(Origin origin, std::string text) {
  if (perhaps_ > 0)
    parsing_.warning(origin, std::move(text));
  else
    parsing_.error(origin, std::move(text));
}

bool TemplateParser::too_long() {
  if (bytes_.size() <= kLongest) return false;
  complain("a text of " + std::to_string(bytes_.size()) +
           " bytes is too long: 1 MB is the limit; put lists into files");
  return true;
}

Template TemplateParser::take_all() {
  if (too_long()) return {};
  auto all = take_template(false);
  return all ? *std::move(all) : Template();
}

ConditionPtr TemplateParser::take_only_condition() {
  if (too_long()) return nullptr;
  ConditionPtr condition = take_condition();
  if (!condition) return nullptr;
  skip_blanks();
  if (at_end()) return condition;
  complain("nothing may follow the condition, but " + quote(bytes_.substr(at_, 20)) +
           " does");
  return nullptr;
}

Template TemplateParser::take_second_level(const SourceText& text, std::size_t holes) {
  TemplateParser second(text, parsing_, holes);
  second.depth_ = depth_;
  second.perhaps_ = perhaps_ + 1;
  return second.take_all();
}

std::optional<Template> TemplateParser::take_template(bool inside) {
  std::vector<Template::Piece> pieces;
  bool warned = false;
  while (!at_end()) {
    if (parsing_.diagnostics.full()) return {};  // no use to go on
    char c = bytes_[at_];
    if (c == '}' && inside) break;
    if (c == '\\') {
      if (bytes_.substr(at_).starts_with("\\N"))
        take_verbatim(pieces);
      else if (!take_escape(last_literal(pieces)))
        return {};
    } else if (c == '$') {
      if (!take_reference(pieces)) return {};
    } else if (c == '\0') {
      take_hole(pieces);
    } else {
      if (c == '{' && inside && !std::exchange(warned, true))
        parsing_.warning(here(),
                         "'{' inside an argument is an ordinary character and the next "
                         "'}' ends the argument; write '\\{'");
      std::size_t next = bytes_.find_first_of(std::string_view("\\$}{\0", 5), at_ + 1);
      if (next == bytes_.npos) next = bytes_.size();
      last_literal(pieces) += bytes_.substr(at_, next - at_);
      at_ = next;
    }
  }
  if (!pieces.empty() && pieces.back().literal.empty() && !pieces.back().expansion)
    pieces.pop_back();
  return Template(std::move(pieces));
}

void TemplateParser::take_hole(std::vector<Template::Piece>& pieces) {
  if (next_hole_ == holes_) {
    complain("a NUL byte cannot be part of a text");
    ++at_;
    return;
  }
  last_literal(pieces);
  pieces.back().expansion = std::make_unique<Hole>(next_hole_++);
  pieces.back().origin = here();
  ++at_;
}

void TemplateParser::take_verbatim(std::vector<Template::Piece>& pieces) {
  at_ += 2;
  std::size_t end = bytes_.find("\\N", at_);
  std::size_t behind = end == bytes_.npos ? bytes_.size() : end + 2;
  if (end == bytes_.npos) end = bytes_.size();
  while (at_ < end) {
    std::size_t hole = std::min(bytes_.find('\0', at_), end);
    last_literal(pieces) += bytes_.substr(at_, hole - at_);
    at_ = hole;
    if (at_ < end) take_hole(pieces);
  }
  at_ = behind;
}

// At a backslash.
bool TemplateParser::take_escape(std::string& literal) {
  const Origin origin = here();
  ++at_;
  if (at_end()) {
    parsing_.error(origin,
                   "a backslash at the end has nothing to escape; write '\\\\'");
    return false;
  }
  if (bytes_[at_] == '\0') return true;  // a hole is not escaped
  std::string_view rest = bytes_.substr(at_);
  char c = policy::take_escape(rest);
  at_ = bytes_.size() - rest.size();
  if (c == '\0')
    parsing_.error(origin, "a NUL byte cannot be part of a text");
  else
    literal += c;
  return true;
}

// At a dollar.
bool TemplateParser::take_reference(std::vector<Template::Piece>& pieces) {
  const Origin origin = here();
  const std::size_t begin = at_;
  ++at_;
  std::unique_ptr<const Expansion> expansion;
  if (accept('{')) {
    bool sound = take_braced(expansion, origin);
    if (!sound) return false;
  } else if (is_digit(peek())) {
    std::size_t digits = at_;
    while (is_digit(peek())) ++at_;
    expansion = make_capture(bytes_.substr(digits, at_ - digits));
  } else if (is_alnum(peek())) {
    std::string_view name = bytes_.substr(at_, name_length(bytes_.substr(at_)));
    if (auto form = header_form(name)) {
      at_ += form->prefix.size();
      auto header = take_header_name();
      if (!header) return false;
      expansion = make_header(form->kind, *std::move(header));
    } else {
      at_ += name.size();
      expansion = make_variable(name, origin, parsing_);
    }
  } else {
    parsing_.error(origin,
                   "'$' must be followed by a letter, a digit or '{'; for the "
                   "character itself put a backslash before it");
    return true;
  }
  if (!expansion) return true;  // complained of; go on behind it
  last_literal(pieces);
  Template::Piece& piece = pieces.back();
  piece.expansion = std::move(expansion);
  piece.origin = origin;
  piece.begin = static_cast<std::uint32_t>(begin);
  piece.end = static_cast<std::uint32_t>(at_);
  return true;
}

std::optional<std::string> TemplateParser::take_header_name() {
  const Origin origin = here();
  std::size_t begin = at_;
  while (!at_end() && bytes_[at_] != ':' && !is_space(bytes_[at_])) ++at_;
  std::string_view name = bytes_.substr(begin, at_ - begin);
  if (name.find_first_of(std::string_view("{}$\\\0", 5)) != name.npos) {
    parsing_.error(origin,
                   "a header name must end with a colon; " + quote(name) + " is none");
    return {};
  }
  accept(':');
  for (char c : name)
    if (!is_name_char(c) && c != '-' && c != '.') {
      parsing_.warning(origin, "header name " + quote(name) +
                                   " has characters that header names do not have; is "
                                   "a colon missing behind the name?");
      break;
    }
  return std::string(name);
}

// Behind "${".  False: nothing more can be read.  Else `expansion` is what it says, or
// null if that was complained of.
bool TemplateParser::take_braced(std::unique_ptr<const Expansion>& expansion,
                                 Origin origin) {
  Deeper deeper(*this);
  if (deeper.too_deep()) return false;
  std::string_view name = take_name("_-");
  if (name.empty() || name.front() == '_' || name.front() == '-') {
    parsing_.error(origin, "'${' must be followed by a letter or a digit");
    return false;
  }
  const std::string shown = "'${" + std::string(name) + "'";
  if (is_digit(name.front())) {
    if (name.find_first_not_of("0123456789") != name.npos || peek() != '}') {
      parsing_.error(origin, "'}' expected behind the number of " + shown);
      return false;
    }
    ++at_;
    expansion = make_capture(name);
    return true;
  }
  if (const ItemInfo* item = find_item(name)) {
    if (!item->parse) {
      parsing_.error(origin, left_out("\"${" + std::string(name) + "\"", item->about));
      return false;
    }
    expansion = item->parse(*this, *item, origin);
    if (!expansion) return false;
    skip_blanks();
    return expect('}', "item '" + std::string(name) + "'");
  }
  if (accept(':')) return take_operator(name, expansion, origin);
  if (accept('}')) {
    expansion = make_variable(name, origin, parsing_);
    return true;
  }
  std::string hint = perhaps_a_header(name);
  if (hint.empty())
    hint = "; after a variable's name '}' follows, after an operator's ':'" +
           did_you_mean(name, names_of_what_follows_a_brace());
  parsing_.error(origin, shown + " is no item" + hint);
  return false;
}

bool TemplateParser::take_operator(std::string_view name,
                                   std::unique_ptr<const Expansion>& expansion,
                                   Origin origin) {
  auto text = take_template(true);
  if (!text) return false;
  if (!expect('}', "operator '" + std::string(name) + "'")) return false;
  expansion = make_operator(name, *std::move(text), origin, *this);
  return true;
}

std::optional<Template> TemplateParser::take_argument(std::string_view owner) {
  skip_blanks();
  if (peek() != '{' || at_end()) {
    complain(std::string(owner) + " needs an argument in braces here, not " +
             (at_end() ? "the end" : quote(bytes_.substr(at_, 20))));
    return {};
  }
  Deeper deeper(*this);
  if (deeper.too_deep()) return {};
  ++at_;
  auto argument = take_template(true);
  if (!argument || !expect('}', "an argument of " + std::string(owner))) return {};
  return argument;
}

std::optional<std::vector<Template>> TemplateParser::take_arguments(
    std::string_view owner, std::size_t least, std::size_t most) {
  std::vector<Template> arguments;
  for (;;) {
    skip_blanks();
    if (arguments.size() >= least && peek() != '{') return arguments;
    if (arguments.size() == most) {
      complain(std::string(owner) + " has " + std::to_string(most) +
               (most == 1 ? " argument" : " arguments") + " at most");
      return {};
    }
    auto argument = take_argument(owner);
    if (!argument) return {};
    arguments.push_back(*std::move(argument));
  }
}

std::optional<SourceText> TemplateParser::take_raw_argument(std::string_view owner) {
  skip_blanks();
  if (!accept('{')) {
    complain(std::string(owner) + " needs a list in braces here");
    return {};
  }
  std::size_t begin = at_;
  while (!at_end() && bytes_[at_] != '}') {
    if (bytes_[at_] != '\\') {
      ++at_;
    } else if (bytes_.substr(at_).starts_with("\\N")) {
      std::size_t end = bytes_.find("\\N", at_ + 2);
      at_ = end == bytes_.npos ? bytes_.size() : end + 2;
    } else {
      at_ = std::min(at_ + 2, bytes_.size());
    }
  }
  SourceText raw;
  raw.append(text_, begin, at_ - begin);
  if (!expect('}', "the list of " + std::string(owner))) return {};
  return raw;
}

ConditionPtr TemplateParser::take_condition() {
  Deeper deeper(*this);
  if (deeper.too_deep()) return nullptr;
  bool negated = false;
  skip_blanks();
  while (accept('!')) {
    negated = !negated;
    skip_blanks();
  }
  const Origin origin = here();
  std::string_view name = take_name();
  if (name.empty()) {  // "<=" and its kin
    std::size_t begin = at_;
    if (accept('<') || accept('>') || accept('=')) accept('=');
    name = bytes_.substr(begin, at_ - begin);
  }
  if (name.empty()) {
    complain("the name of a condition expected, not " +
             (at_end() ? "the end" : quote(bytes_.substr(at_, 20))));
    return nullptr;
  }
  const ConditionInfo* info = find_condition(name);
  if (!info) {
    std::vector<std::string_view> known;
    for (const ConditionInfo& condition : conditions()) known.push_back(condition.name);
    parsing_.error(origin,
                   "unknown condition " + quote(name) + did_you_mean(name, known));
    return nullptr;
  }
  if (!info->parse) {
    parsing_.error(origin,
                   left_out("condition \"" + std::string(name) + "\"", info->about));
    return nullptr;
  }
  ConditionPtr condition = info->parse(*this, *info);
  if (condition && negated) return std::make_unique<Not>(std::move(condition));
  return condition;
}

ConditionPtr TemplateParser::take_braced_condition(std::string_view owner) {
  skip_blanks();
  if (!accept('{')) {
    complain(std::string(owner) + " needs a condition in braces here");
    return nullptr;
  }
  ConditionPtr condition = take_condition();
  if (!condition) return nullptr;
  skip_blanks();
  if (!expect('}', "the condition of " + std::string(owner))) return nullptr;
  return condition;
}

std::optional<Results> TemplateParser::take_results(std::string_view owner) {
  Perhaps perhaps(*this);  // only one of them is evaluated, or none
  Results results;
  skip_blanks();
  if (peek() == '}') return results;
  if (peek() != '{') {
    complain("'{' with what " + std::string(owner) + " gives, or '}', expected, not " +
             (at_end() ? "the end" : quote(bytes_.substr(at_, 20))));
    return {};
  }
  results.yes = take_argument(owner);
  if (!results.yes) return {};
  skip_blanks();
  if (peek() == '{') {
    results.no = take_argument(owner);
    if (!results.no) return {};
  } else if (peek() != '}' || at_end()) {
    if (take_name() != "fail") {
      complain("after the first string of " + std::string(owner) +
               " another in braces, 'fail' or '}' is expected");
      return {};
    }
    results.fail = true;
  }
  skip_blanks();
  return results;
}

}  // namespace policy
