// SPDX-License-Identifier: Apache-2.0
//
// Expressions: any text becomes a template or complaints, in bounded time, and a
// template comes to something within its budget, the same every time.
//
// What follows a line "%%" are values: of $sender_address, then of $h_x:.
#include <string>

#include "policy/evaluation.h"
#include "policy/expression.h"
#include "policy/scripted_context.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

const policy::Policy& policy_in_use() {
  static const policy::Policy policy = [] {
    policy::Policy made;
    made.primary_hostname = "mx.example.net";
    made.qualify_domain = made.qualify_recipient = "example.net";
    return made;
  }();
  return policy;
}

struct Ended {
  bool good;
  std::string text;
  bool operator==(const Ended&) const = default;
};

Ended evaluated(const policy::Template& text, std::string_view address,
                std::string_view header) {
  policy::ScriptedContext context;
  context.clock = [] { return std::chrono::system_clock::time_point(); };
  context.variables["sender_address"] = address;
  context.add_message_header("X:" + std::string(header) + "\n");
  policy::Evaluation evaluation{.policy = policy_in_use(), .context = context};
  evaluation.budget = {.steps = 10'000, .output = 1U << 16};
  auto result = policy::expand(text, evaluation);
  if (!result) return {false, result.error().text};
  require(result->size() <= evaluation.budget.output, "no result is too long");
  return {true, *std::move(result)};
}

std::string_view taken_line(std::string_view& text) {
  std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Files are no part of this: what names one is not evaluated.
bool reads_files(std::string_view text) {
  for (std::string_view word : {"readfile", "lookup", ";", "/", "exists"})
    if (text.find(word) != text.npos) return true;
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  std::string_view values;
  if (std::size_t divider = text.find("\n%%\n"); divider != text.npos) {
    values = text.substr(divider + 4);
    text = text.substr(0, divider);
  }
  std::string_view address = taken_line(values), header = taken_line(values);

  policy::Diagnostics diagnostics;
  auto parsed = policy::parse_expression(policy_in_use(), text, policy::Program::any(),
                                         diagnostics);
  for (const auto* list : {&diagnostics.errors, &diagnostics.warnings})
    for (const auto& diagnostic : *list) {
      require(!diagnostic.text.empty(), "a complaint says something");
      require(diagnostic.origin.column <= text.size(), "and where");
    }
  require(diagnostics.errors.size() <= policy::Diagnostics::kMost + 1,
          "complaints are bounded");
  if (!diagnostics.errors.empty() || reads_files(text)) return 0;
  require(evaluated(parsed, address, header) == evaluated(parsed, address, header),
          "what it comes to does not change");
  return 0;
}
