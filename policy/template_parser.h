// SPDX-License-Identifier: Apache-2.0
//
// The cursor that the text of templates is read with: what items, operators and
// conditions take from it (spec/policy.md chapter 3).
//
// One pass, no way back.  What cannot be read further gives nothing, and everybody on
// the way out returns nothing too; the complaint is made where it is found.  What can
// be read but makes no sense (a variable that does not exist) is a complaint only.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/conditions.h"
#include "policy/parsing.h"
#include "policy/source.h"
#include "policy/template.h"

namespace policy {

// What follows a condition, a lookup or an extraction: "{yes}{no}", "{yes} fail".
struct Results {
  std::optional<Template> yes, no;
  bool fail = false;
};

class TemplateParser {
 public:
  static constexpr unsigned kDeepest = 200;
  // As long as a result may be; so what is read needs bounded memory too.
  static constexpr std::size_t kLongest = std::size_t{1} << 20;

  // `holes`: in the text, each NUL stands for one, in turn (see expansion_items.cc).
  TemplateParser(const SourceText& text, Parsing& parsing, std::size_t holes = 0)
      : text_(text), bytes_(text.bytes()), parsing_(parsing), holes_(holes) {}

  // The whole text.
  Template take_all();
  // The whole text as one condition; null after a complaint.
  ConditionPtr take_only_condition();

  // `text`, with its holes, as deep as this parser is now.
  Template take_second_level(const SourceText& text, std::size_t holes);

  // [blanks] "{" template "}", as `owner` needs it: "eq", "item 'map'".
  std::optional<Template> take_argument(std::string_view owner);
  // All braced arguments that follow, at least and at most so many.
  std::optional<std::vector<Template>> take_arguments(std::string_view owner,
                                                      std::size_t least,
                                                      std::size_t most);
  // [blanks] "{" text "}" as it is written: escapes stay, \N...\N may hold braces.
  std::optional<SourceText> take_raw_argument(std::string_view owner);
  // { "!" } simple
  ConditionPtr take_condition();
  // [blanks] "{" condition "}"
  ConditionPtr take_braced_condition(std::string_view owner);
  std::optional<Results> take_results(std::string_view owner);

  void skip_blanks();
  bool at_end() const { return at_ >= bytes_.size(); }
  char peek() const { return at_end() ? '\0' : bytes_[at_]; }
  // Takes `c` if it is next.
  bool accept(char c);
  // Takes `c` or complains.
  bool expect(char c, std::string_view owner);
  // Letters, digits and what is in `more`; may be empty.
  std::string_view take_name(std::string_view more = "_");
  // "partial-lsearch*@,ret=key": all up to a brace or a blank.
  std::string_view take_lookup_type();
  // What follows "$h_" up to a colon, blanks or the end; nothing after a complaint.
  std::optional<std::string> take_header_name();

  Origin here() const { return text_.origin(at_); }
  Parsing& parsing() { return parsing_; }
  void complain(std::string text) { parsing_.error(here(), std::move(text)); }

  // What is read while one of these lives may never be evaluated, so a constant that
  // cannot be right is worth a warning only.
  class Perhaps {
   public:
    explicit Perhaps(TemplateParser& parser) : parser_(parser) { ++parser_.perhaps_; }
    ~Perhaps() { --parser_.perhaps_; }
    Perhaps(const Perhaps&) = delete;
    Perhaps& operator=(const Perhaps&) = delete;

   private:
    TemplateParser& parser_;
  };
  // A constant is wrong: an error, or a warning where it may never be evaluated.
  void complain_of_constant(Origin origin, std::string text);

 private:
  class Deeper;

  bool too_long();
  std::optional<Template> take_template(bool inside);
  bool take_escape(std::string& literal);
  void take_verbatim(std::vector<Template::Piece>& pieces);
  void take_hole(std::vector<Template::Piece>& pieces);
  bool take_reference(std::vector<Template::Piece>& pieces);
  bool take_braced(std::unique_ptr<const Expansion>& expansion, Origin origin);
  bool take_operator(std::string_view name, std::unique_ptr<const Expansion>& expansion,
                     Origin origin);

  const SourceText& text_;
  std::string_view bytes_;
  Parsing& parsing_;
  std::size_t at_ = 0;
  std::size_t holes_ = 0, next_hole_ = 0;
  unsigned depth_ = 0, perhaps_ = 0;
};

}  // namespace policy
