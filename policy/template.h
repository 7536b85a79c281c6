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

// What provenance asks (spec/policy.md 19.4): may a stranger's data be there?  Names
// are known to whoever asks; scopes are set by the items that make them.
struct Provenance {
  std::function<bool(std::string_view acl_variable)> acl_variable;
  std::function<bool(std::size_t number)> acl_argument;
  bool value = false, item = false;  // $value, $item
  bool captures = true;              // of the list conditions before, at the outset

  Provenance with_value(bool remote) const {
    Provenance inner = *this;
    inner.value = remote;
    return inner;
  }
  Provenance with_item(bool remote) const {
    Provenance inner = *this;
    inner.item = remote;
    return inner;
  }
  Provenance with_captures(bool remote) const {
    Provenance inner = *this;
    inner.captures = remote;
    return inner;
  }
};

class Expansion {
 public:
  virtual ~Expansion() = default;
  // Appends what it comes to.
  virtual Outcome<void> expand(Evaluation& evaluation, std::string& out) const = 0;
  // May its result carry data of the client, the message or the DNS?
  virtual bool remote(const Provenance& provenance) const = 0;
  // Adds the texts of which one is all that it comes to, if that is its way: the two of
  // `if`.  So the ACLs that an option can name are known.
  virtual void results(std::vector<const class Template*>&) const {}
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
  explicit Template(std::vector<Piece> pieces);
  static Template of(std::string literal);

  // Those with an expansion, and the literal text behind the last of them.
  const std::vector<Piece>& pieces() const { return pieces_; }
  const std::string& tail() const { return tail_; }
  // All of it, for those who cut it up, as lists do.
  std::vector<Piece> take_pieces() &&;
  // Its text if it has no expansion, else null.
  const std::string* literal() const { return pieces_.empty() ? &tail_ : nullptr; }
  // Is it exactly one expansion and nothing else?
  bool is_one_expansion() const {
    return pieces_.size() == 1 && pieces_[0].literal.empty() && tail_.empty();
  }
  bool remote(const Provenance& provenance) const;

 private:
  std::vector<Piece> pieces_;
  std::string tail_;  // here, since most arguments are a word that is written out
};

// Parses all of `text`.  What is wrong goes to `parsing`; the result then is what could
// be read, so that one mistake does not hide the next.
Template parse_template(const SourceText& text, Parsing& parsing);

// What it comes to.
Outcome<std::string> expand(const Template& text, Evaluation& evaluation);
Outcome<void> expand(const Template& text, Evaluation& evaluation, std::string& out);
// The same as a view, of the template itself if that is only a literal, else of
// `buffer`.
Outcome<std::string_view> expand_view(const Template& text, Evaluation& evaluation,
                                      std::string& buffer);

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
