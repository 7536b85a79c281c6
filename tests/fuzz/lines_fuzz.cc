// SPDX-License-Identifier: Apache-2.0
//
// Configuration files: any text gives lines, options or errors that can be shown.
//
// A line "%%" divides the main file from the one that every .include finds.
#include <string>

#include "policy/lines.h"
#include "policy/main_options.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

void check(const policy::Lines& lines) {
  auto known = [&](const policy::Origin& origin) {
    return origin.file < lines.files.size() && origin.macro <= lines.macros.size();
  };
  for (const auto& line : lines.lines) {
    require(!line.empty(), "no line is empty");
    require(policy::trimmed(line.bytes()) == line.bytes(), "and all are trimmed");
    for (std::size_t i = 0; i < line.bytes().size(); ++i)
      require(known(line.origin(i)), "each byte knows its origin");
  }
  for (const auto* list : {&lines.errors, &lines.warnings})
    for (const auto& diagnostic : *list) {
      require(known(diagnostic.origin), "an error has a place");
      require(!lines.format(diagnostic, "error").empty(), "and can be shown");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  std::size_t divider = text.find("\n%%\n");
  std::string included;
  if (divider != std::string_view::npos) {
    included = text.substr(divider + 4);
    text = text.substr(0, divider + 1);
  }
  auto macros = policy::Macros::create({}, {});
  auto read = [&](const std::filesystem::path&) {
    return base::Result<std::string>(included);
  };
  auto lines = policy::parse_lines("main.conf", text, *std::move(macros), read);
  check(lines);
  bool sound = lines.errors.empty();
  auto options = policy::parse_main_options(std::move(lines));
  if (options) require(sound, "no options from broken lines");
  return 0;
}
