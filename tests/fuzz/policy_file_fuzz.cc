// SPDX-License-Identifier: Apache-2.0
//
// Configuration files: any text gives a policy or errors that can be shown.
//
// A line "%%" divides the main file from the one that every .include finds.
#include <string>

#include "policy/main_options.h"
#include "policy/programs.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

void check(const policy::Places& places, const policy::Diagnostic& diagnostic) {
  const policy::Origin& origin = diagnostic.origin;
  require(origin.file < places.files.size(), "an error is in a file");
  require(origin.macro <= places.macros.size(), "and in a macro, if at all");
  require(!places.format(diagnostic, "error").empty(), "and can be shown");
}

void check_lines(const policy::Lines& lines) {
  for (const auto& line : lines.lines) {
    require(!line.empty(), "no line is empty");
    require(policy::trimmed(line.bytes()) == line.bytes(), "and all are trimmed");
    for (std::size_t i = 0; i < line.bytes().size(); ++i)
      require(line.origin(i).file < lines.files.size(), "each byte knows its origin");
    policy::SourceText copy;
    for (std::size_t i = 0; i < line.bytes().size(); ++i) copy.append(line, i, 1);
    require(copy.bytes() == line.bytes(), "its parts make the whole");
  }
  for (const auto* list : {&lines.errors, &lines.warnings})
    for (const auto& diagnostic : *list) check(lines, diagnostic);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto features = policy::predefined_macros(policy::Program::any());
  std::string_view text = fuzz::text_of(data, size);
  std::size_t divider = text.find("\n%%\n");
  std::string included;
  if (divider != std::string_view::npos) {
    included = text.substr(divider + 4);
    text = text.substr(0, divider + 1);
  }
  auto macros = policy::Macros::create({}, features);
  auto read = [&](const std::filesystem::path&) {
    return base::Result<std::string>(included);
  };
  auto lines = policy::parse_lines("main.conf", text, *macros, read);
  check_lines(lines);
  auto loaded =
      policy::load_policy("main.conf", text, *macros, read, policy::Program::any());
  require(lines.errors.empty() || !loaded.policy, "no policy from broken lines");
  require(bool(loaded.policy) == loaded.diagnostics.errors.empty(),
          "a policy, or errors");
  for (const auto* list : {&loaded.diagnostics.errors, &loaded.diagnostics.warnings,
                           &loaded.diagnostics.notes})
    for (const auto& diagnostic : *list) check(loaded.source, diagnostic);
  auto main_options = policy::parse_main_options(std::move(lines));
  if (loaded.policy) require(main_options.has_value(), "its main options are sound");
  return 0;
}
