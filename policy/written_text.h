// SPDX-License-Identifier: Apache-2.0
//
// Text in which some characters mean something, where the author of the policy wrote
// them and nowhere else (spec/policy.md D3, D4 and 18.3).
//
// Slashes part the options of `control`, `verify` and `ratelimit`, newlines part header
// lines and lines of a reply.  What a stranger put into a variable may hold both; it
// stays in its place.  A part that is a single expansion, and of the policy's own
// making, counts as written.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/parsing.h"
#include "policy/template.h"

namespace policy {

// One part of a text that was cut, blanks around it gone.
struct WrittenPart {
  std::string text;
  std::size_t written = 0;  // so many bytes at its start are the author's
  // Is all of `word` there, and the author's?  For names of options.
  bool starts_with(std::string_view word) const {
    return written >= word.size() && std::string_view(text).starts_with(word);
  }
  bool is(std::string_view word) const { return text == word && starts_with(word); }
};

// Cuts what the author wrote.
std::vector<WrittenPart> cut_written(std::string_view text,
                                     std::string_view separators);

// A template that is cut at separators.  Stays where it is: others point into it.
class PartedText {
 public:
  PartedText(const SourceText& text, std::string_view separators, Parsing& parsing)
      : PartedText(parse_template(text, parsing), separators, parsing) {}
  PartedText(Template text, std::string_view separators, Parsing& parsing);
  PartedText(const PartedText&) = delete;
  PartedText& operator=(const PartedText&) = delete;

  std::size_t size() const { return parts_.size(); }
  // All parts, if none of them depends on anything.
  bool literal() const;
  std::vector<WrittenPart> literal_parts() const;
  // The first part, if that does not.
  const std::string* literal_start() const;
  Outcome<std::vector<WrittenPart>> expand(Evaluation& evaluation) const;

 private:
  struct Part {
    Template text;
    bool splice = false;
  };
  std::deque<Part> parts_;
  std::string_view separators_;  // a constant of whoever uses it
};

// A template in whose data newlines are not what they are in its text.
class LinedText {
 public:
  LinedText(const SourceText& text, Parsing& parsing);
  LinedText(const LinedText&) = delete;
  LinedText& operator=(const LinedText&) = delete;

  // Puts `instead` for each newline of a stranger.
  Outcome<std::string> expand(Evaluation& evaluation, std::string_view instead) const;
  const std::string* literal() const;

 private:
  struct Part {
    std::string literal;
    Template expansion;  // comes behind it
    bool trusted = false;
  };
  std::deque<Part> parts_;
};

// Cuts a template into the elements of a list: at colons, or at what "<x" at its start
// says, but not where they are doubled.
std::vector<Template> split_elements(Template text);

// Cuts a template at the blanks of its literal text, but not inside of "...".
std::vector<Template> split_words(Template text);

}  // namespace policy
