// SPDX-License-Identifier: Apache-2.0
//
// One value out of a text that holds many: ${extract} in its four forms and
// ${listextract} (spec/policy.md section 5; Exim manual, "Expansion items"; RFC 8259).
//
// Nothing found is nothing; a value may be empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace policy {

// The first argument of ${extract} chooses its form by what it says.
struct ExtractKey {
  std::string text;                    // blanks removed, never empty
  std::optional<std::int64_t> number;  // present: the numbered form
};
base::Result<ExtractKey> parse_extract_key(std::string_view argument);

// "key=value key = "two words"": keys without case, the first one counts.
std::optional<std::string> extract_keyed(std::string_view key, std::string_view data);

// The n-th field, -1 the last, 0 all of it; every character of `separators` separates.
std::optional<std::string> extract_field(std::int64_t number,
                                         std::string_view separators,
                                         std::string_view data);

// What happens to a JSON value that is a string: json keeps its quotes, jsons takes
// them off and refuses all other values.
enum class JsonText { raw, unquoted };

// A member of an object by key, or of an array by number from 1.  Code::syntax.
base::Result<std::optional<std::string>> extract_json(std::string_view key,
                                                      std::string_view data,
                                                      JsonText form);
// All elements of an array: what forany_json and forall_json walk over.
base::Result<std::vector<std::string>> json_elements(std::string_view data,
                                                     JsonText form);

// ${listextract}: the n-th element, negative from the end.  Code::syntax if `number` is
// none.
base::Result<std::optional<std::string>> extract_element(std::string_view number,
                                                         std::string_view list);

}  // namespace policy
