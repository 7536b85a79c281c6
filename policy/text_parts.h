// SPDX-License-Identifier: Apache-2.0
//
// Parts of a text and small numbers made from it: substr, length, hash, nhash, tr
// (spec/policy.md section 5; Exim manual, "Expansion items").
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

// A negative offset counts from the right; without a length, that is what lies before.
std::string_view substring(std::string_view text, std::int64_t offset,
                           std::optional<std::int64_t> length);

// `size` characters out of the first `letters` of a-zA-Z0-9, made from all of `text`; a
// text that is not longer stays as it is.  Code::syntax if `letters` is over 62.
base::Result<std::string> hash_text(std::string_view text, std::int64_t size,
                                    std::int64_t letters = 26);

// A number below `first`, or with `second` two of them: "3/17".
base::Result<std::string> hash_number(std::string_view text, std::int64_t first,
                                      std::optional<std::int64_t> second);

enum class PartKind { substr, length, hash, nhash };

// One number or two, and what they do to `text`: the operators and the items alike.
base::Result<std::string> part_of(PartKind kind, std::span<const std::int64_t> numbers,
                                  std::string_view text);

// ${substr{1}{2}{text}} and its kin: two or three arguments, the last is the text.
base::Result<std::string> part_item(PartKind kind,
                                    std::span<const std::string> arguments);

// ${tr}: each character of `text` that is in `from` becomes its counterpart in `to`.
std::string translate(std::string_view text, std::string_view from,
                      std::string_view to);

}  // namespace policy
