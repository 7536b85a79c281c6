// SPDX-License-Identifier: Apache-2.0
//
// Items, ${name...} (spec/policy.md chapter 5; Exim manual, "Expansion items").
//
// One table of names, forms, parsers and descriptions finds, reads and documents them;
// what Exim has and the language leaves out is in it with the reason.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "policy/template.h"

namespace policy {

class TemplateParser;

struct ItemInfo {
  // Reads what follows the name up to the closing brace; null after a complaint.
  using Parse = std::unique_ptr<const Expansion> (*)(TemplateParser& parser,
                                                     const ItemInfo& info,
                                                     Origin origin);
  std::string_view name;
  std::string_view form;   // for the reference page: "{STRING}{FROM}{TO}"
  Parse parse;             // null: known and left out of the language
  std::string_view about;  // one line; or why it is left out
};

// Sorted by name.
std::span<const ItemInfo> items();
const ItemInfo* find_item(std::string_view name);

// The parsers of the table, by room: choosing (if, lookup, extract, listextract), lists
// (map, filter, reduce, sort), texts (all others).
using ExpansionPtr = std::unique_ptr<const Expansion>;
ExpansionPtr parse_if(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_lookup(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_extract(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_listextract(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_map(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_filter(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_reduce(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_sort(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_sg(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_call(TemplateParser&, const ItemInfo&, Origin);  // tr, substr, ...
ExpansionPtr parse_readfile(TemplateParser&, const ItemInfo&, Origin);
ExpansionPtr parse_acl(TemplateParser&, const ItemInfo&, Origin);

}  // namespace policy
