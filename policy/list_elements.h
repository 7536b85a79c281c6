// SPDX-License-Identifier: Apache-2.0
//
// The inside of a list (policy/list.h): plain patterns, indexed, and steps, which have
// to be asked one by one.
//
// Every element has a place.  The index says at which place the first plain pattern
// fits; the steps before it are tried in order, and the first that fits decides.  So
// nothing that a faster search finds can overtake what stands before it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/evaluation.h"
#include "policy/first_match.h"
#include "policy/list.h"

namespace policy {

// What a list is asked, and what the element that fitted has to say.
struct Question {
  Question(ListKind wanted, const ListSubject& subject, Evaluation& state);

  Evaluation& evaluation;
  ListKind kind;                       // ip: nobody may ask for names
  std::string_view text;               // as it was given
  std::string folded;                  // in lower case
  std::string half;                    // an address with only its domain in lower case
  std::size_t at = std::string::npos;  // of an address, in all three
  HostSubject host;
  std::optional<Ip> ip;  // of the host
  bool capture = false;  // domains and local parts set $0, $1 ...
  unsigned depth = 0;    // named lists inside each other

  std::optional<std::string> data;  // of the element that fitted; none: its text
  bool looked_up = false;           // it is of a lookup for the host
  // Where nothing fitted: was the last element negated?  Nothing: there was none.
  std::optional<bool> end_negated;

  bool has_host() const { return !host.address.empty(); }
  std::string_view domain() const;  // of an address, in lower case
  std::string_view local(bool caseful) const;
  std::string_view subject(bool caseful) const;
  // $0 is `whole`, the rest follows.
  void set_captures(std::span<const std::string_view> groups);
};

enum class Fit : std::uint8_t {
  open,  // it does not fit
  fits,
  against,  // a negated line of a file fits
  stop_no,  // the whole list ends here: the host's name is not known
  stop_yes,
};

class Step {
 public:
  virtual ~Step() = default;
  virtual Outcome<Fit> test(Question& question) const = 0;
  virtual bool remote(const Provenance&) const { return false; }
  virtual void add_named(std::vector<NamedListUse>&) const {}
};

// Plain patterns of texts.
struct TextPatterns {
  FirstWord words;
  FirstEnding endings;
  Place find(std::string_view subject) const {
    return std::min(words.find(subject), endings.find(subject));
  }
};

class Elements {
 public:
  struct Element {
    std::uint32_t begin, size;  // of its text, in texts
    bool negated;
  };
  struct Stepped {
    Place place;
    std::unique_ptr<const Step> step;
  };

  ListKind kind = ListKind::domain;
  std::string texts;  // patterns as they are written, without their signs
  std::vector<Element> elements;
  std::vector<Origin> origins;  // none: not of the policy's text
  std::vector<Stepped> steps;
  bool expands = false;  // some element is made when it is asked

  // Most lists have only one of them, and there are many lists.
  std::unique_ptr<TextPatterns> folded, caseful;  // words; of addresses the whole ones
  std::unique_ptr<TextPatterns> domains;          // of addresses
  FirstNetwork networks;
  Place any_host = kNowhere, no_host = kNowhere;

  std::string_view text(Place place) const {
    return std::string_view(texts).substr(elements[place].begin, elements[place].size);
  }
  Place first_plain(const Question& question) const;
};

struct Judgement {
  bool decided = false;
  bool yes = false;
  Place place = kNowhere;  // who decided
};
// Undecided: Question::end_negated says how it ended.
Outcome<Judgement> judge(const Elements& elements, Question& question);

// An undecided list says yes if its last element was negated.
inline bool answer(const Judgement& judgement, const Question& question) {
  return judgement.decided ? judgement.yes : question.end_negated.value_or(false);
}

// The inside of a list, which is opaque to others.
const Elements& elements_of(const List& list);

}  // namespace policy
