// SPDX-License-Identifier: Apache-2.0
//
// Expansion operators, ${name:text} and ${name_1_2:text}: text to text, nothing else
// (spec/policy.md section 6; Exim manual, "Expansion operators").
//
// One table of names, arguments, functions and descriptions finds, checks, applies and
// documents them.  listnamed, which needs the policy, is not among them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

// What operators need to know besides their text: main options.
struct TextSettings {
  std::string headers_charset = "UTF-8";
  bool print_topbitchars = false;
  bool check_rfc2047_length = true;
};

struct Operator;

// A row of the table.
struct OperatorInfo {
  using Apply = base::Result<std::string> (*)(const Operator& call,
                                              std::string_view text,
                                              const TextSettings& settings);
  enum class Arguments { none, one, one_or_two, two_optional, type };

  std::string_view name;        // canonical: "substr", never "s"
  std::string_view short_name;  // may be empty
  std::string_view form;        // for the reference page: "substr_OFFSET_LENGTH"
  Arguments arguments;
  Apply apply;
  std::string_view summary;
};
std::span<const OperatorInfo> operators();

// One use of an operator.
struct Operator {
  const OperatorInfo* info = nullptr;
  std::array<std::int64_t, 2> values{};  // of "substr_1_3": 1, 3
  std::size_t count = 0;                 // how many of them were written

  std::span<const std::int64_t> numbers() const { return {values.data(), count}; }
};

// The name with its arguments, all that stands before the colon.  Code::syntax if there
// is no such operator (and which may be meant), if it is one that is left out of the
// language, or if its arguments are wrong.
base::Result<Operator> parse_operator(std::string_view name_with_arguments);

// Code::syntax if it cannot be done to this text.
base::Result<std::string> apply_operator(const Operator& call, std::string_view text,
                                         const TextSettings& settings);

}  // namespace policy
