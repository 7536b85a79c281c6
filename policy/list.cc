// SPDX-License-Identifier: Apache-2.0
#include "policy/list.h"

namespace policy {

class List {};

void ListDeleter::operator()(const List* list) const {
  delete list;
}

ListPtr parse_list(ListKind, const SourceText&, Parsing&) {
  return ListPtr(new List);
}

ListPtr parse_literal_list(ListKind, const SourceText&, Parsing&) {
  return ListPtr(new List);
}

Outcome<ListMatch> match(const List&, const ListSubject&, Evaluation&) {
  return cannot("not yet");
}

bool remote(const List&, const Provenance&) {
  return false;
}

std::string listnamed(const List&, const Policy&) {
  return {};
}

std::vector<NamedListUse> named_lists(const List&) {
  return {};
}

}  // namespace policy
