// SPDX-License-Identifier: Apache-2.0
//
// -J files: a name a line, none lost, none made up.
#include <algorithm>
#include <string>

#include "spoolfmt/journal.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  auto names = spoolfmt::parse_journal(text);
  auto line_ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  bool cut = !text.empty() && text.back() != '\n';
  require(names.size() == line_ends + (cut ? 1 : 0), "a name a line");
  bool short_names = std::all_of(names.begin(), names.end(),
                                 [](auto name) { return name.size() <= 500; });
  if (short_names && !cut)
    require(spoolfmt::format_journal({names.begin(), names.end()}) == text,
            "written back as it was");
  return 0;
}
