// SPDX-License-Identifier: Apache-2.0
//
// What a `$` refers to: variables, captures, headers; and operators applied to a text
// (spec/policy.md 4.2, 4.3 and chapters 6 and 11).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/parsing.h"
#include "policy/template.h"

namespace policy {

class TemplateParser;

// Each gives null after a complaint.
std::unique_ptr<const Expansion> make_variable(std::string_view name, Origin origin,
                                               Parsing& parsing);
// A number that is too large is one that is never set.
std::unique_ptr<const Expansion> make_capture(std::string_view digits);
// ${name:text}, listnamed among them; a literal text is tried at once.
std::unique_ptr<const Expansion> make_operator(std::string_view name_with_arguments,
                                               Template text, Origin origin,
                                               TemplateParser& parser);

enum class HeaderKind : std::uint8_t { decoded, raw, charset_kept, list };
struct HeaderForm {
  std::string_view prefix;  // "rh_"
  HeaderKind kind;
};
// Of a name that starts as a reference to a header does.
std::optional<HeaderForm> header_form(std::string_view name);
// "; write ..." for a name in braces, ${h_NAME:}, that should stand without; or empty.
std::string perhaps_a_header(std::string_view name);
std::unique_ptr<const Expansion> make_header(HeaderKind kind, std::string name);
// def:h_NAME: is it there, though it may be empty?
bool has_header(std::string_view name, Evaluation& evaluation);

}  // namespace policy
