// SPDX-License-Identifier: Apache-2.0
//
// Templates: text with expansions, parsed once (spec/policy.md chapters 3.2 and 4; Exim
// manual, "String expansions").
//
// A template is literal text and expansions in turn.  An expansion (an item, an
// operator, a variable, a header) is a node that knows how to evaluate itself and what
// it is made of; there is one small class for each kind, and one table that names them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/outcome.h"
#include "policy/parsing.h"
#include "policy/source.h"

namespace policy {

struct Evaluation;

// What provenance asks about names (spec/policy.md 19.4): may a stranger's data be
// there?
struct Provenance {
  std::function<bool(std::string_view acl_variable)> acl_variable;
  std::function<bool(std::size_t number)> acl_argument;
};

class Expansion {
 public:
  virtual ~Expansion() = default;
  // Appends what it comes to.
  virtual Outcome<void> expand(Evaluation& evaluation, std::string& out) const = 0;
  // May its result carry data of the client, the message or the DNS?
  virtual bool remote(const Provenance& provenance) const = 0;
};

class Template {
 public:
  struct Piece {
    std::string literal;                         // comes first
    std::unique_ptr<const Expansion> expansion;  // null: only the literal
    Origin origin;                               // of the expansion
    std::uint32_t begin = 0, end = 0;  // of the expansion, offsets into the text read
  };

  Template() = default;
  explicit Template(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {}
  static Template of(std::string literal);

  const std::vector<Piece>& pieces() const { return pieces_; }
  // For those who cut it up, as lists do.
  std::vector<Piece> take_pieces() && { return std::move(pieces_); }
  // Its text if it has no expansion, else null.
  const std::string* literal() const;
  // Is it exactly one expansion and nothing else?
  bool is_one_expansion() const;
  bool remote(const Provenance& provenance) const;

 private:
  std::vector<Piece> pieces_;
};

// Parses all of `text`.  What is wrong goes to `parsing`; the result then is what could
// be read, so that one mistake does not hide the next.
Template parse_template(const SourceText& text, Parsing& parsing);

// What it comes to.  A single literal costs one copy.
Outcome<std::string> expand(const Template& text, Evaluation& evaluation);
Outcome<void> expand(const Template& text, Evaluation& evaluation, std::string& out);

// `${if` without the item: what `--where` and `condition =` shortcuts read.
class Condition {
 public:
  virtual ~Condition() = default;
  virtual Outcome<bool> holds(Evaluation& evaluation) const = 0;
  virtual bool remote(const Provenance& provenance) const = 0;
};
// A condition alone, "eq{$domain}{x}"; null and a complaint if it is none.
std::unique_ptr<const Condition> parse_condition(const SourceText& text,
                                                 Parsing& parsing);

}  // namespace policy
