// SPDX-License-Identifier: Apache-2.0
//
// Lists: one question to a row of patterns, the first that fits decides (spec/policy.md
// chapter 9; Exim manual, "Domain, host, address, and local part lists").
//
// The separators, signs and shapes of a list come from the text of the policy; data can
// only fill an item (D3).  Plain patterns are indexed, without changing who is first
// (policy/list_elements.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/context.h"
#include "policy/outcome.h"
#include "policy/parsing.h"
#include "policy/source.h"
#include "policy/template.h"

namespace policy {

struct Policy;

class List;  // opaque; shared by named lists and those written in place
struct ListDeleter {
  void operator()(const List* list) const;
};
using ListPtr = std::unique_ptr<const List, ListDeleter>;

// What is looked for.
struct ListSubject {
  // A domain, local part (original case), address or word; of match_ip the address.
  std::string_view text;
  HostSubject host;  // for hosts: instead of text
};

struct ListMatch {
  bool matched = false;
  std::string
      data;  // of a lookup its data, else the pattern that fitted; for $..._data
  bool looked_up = false;        // `data` is of a lookup for the host
  std::optional<Origin> origin;  // of the element that decided
};

// Parses a list of `kind`.  Literal: `match_domain`'s second argument, where `$` is an
// ordinary character (a complaint if a name follows) and escapes are processed.
ListPtr parse_list(ListKind kind, const SourceText& text, Parsing& parsing);
ListPtr parse_literal_list(ListKind kind, const SourceText& text, Parsing& parsing);

// Domains and local parts set the captures of the evaluation as 9.3 says, address lists
// clear them; others leave them alone.  A forced failure inside an item is "not in the
// list" here already.
Outcome<ListMatch> match(const List& list, const ListSubject& subject,
                         Evaluation& evaluation);

// May the data of a match carry what a stranger wrote?
bool remote(const List& list, const Provenance& provenance);

// Which named lists its text names: for cycles.  Lists of addresses also name lists of
// domains ("x@+local").
struct NamedListUse {
  ListKind kind = ListKind::domain;
  Id id = 0;
  Origin origin;
};
std::vector<NamedListUse> named_lists(const List& list);

// The source text of a list with the named ones in it merged: ${listnamed:...}.
std::string listnamed(const List& list, const Policy& policy);

}  // namespace policy
