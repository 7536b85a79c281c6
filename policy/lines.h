// SPDX-License-Identifier: Apache-2.0
//
// From files to logical lines: comments, continuations, macros, conditions, includes
// (spec/policy.md sections 2.1 and 2.2; Exim manual, "The Exim configuration file").
//
// All these work on physical lines and know nothing of sections or options, so this
// stage runs to the end first and reports every error it meets.
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "policy/macros.h"
#include "policy/source.h"

namespace policy {

struct SourceFile {
  std::string name;    // as it was opened
  std::string text;    // for messages
  Origin included_at;  // line 0: the main file
};

// Where everything of a policy was written: what messages show.
struct Places {
  std::vector<SourceFile> files;
  std::vector<std::string> macros;        // names, for Origin::macro
  std::vector<Origin> macro_definitions;  // line 0: on the command line, or built in
  // Physical lines that hold a secret and are never shown: file and line.
  std::set<std::pair<std::uint32_t, std::uint32_t>> secret_lines;

  // "FILE:LINE:COLUMN".
  std::string place(const Origin& origin) const;
  // "FILE:LINE:COLUMN: error: text", the line with a mark under the place, and a note a
  // line: what follows "; " in the text, the macro, the line that included the file.
  std::string format(const Diagnostic& diagnostic, std::string_view severity) const;
  // All of them in the order of the files, a newline after each, and how many `more`
  // there were.
  std::string format(std::vector<Diagnostic> diagnostics, std::string_view severity,
                     std::size_t more = 0) const;
};

struct Lines : Places {
  std::vector<SourceText> lines;  // trimmed, never empty, no definitions
  std::vector<Diagnostic> errors, warnings;
};

// The words of a message, and the notes that follow them after "; ".  What is quoted
// from the file is not searched.
std::vector<std::string_view> with_notes(std::string_view text);

// How included files are read; base::read_file outside of tests.
using ReadFile = std::function<base::Result<std::string>(const std::filesystem::path&)>;

// `text` is what the main file `name` holds.  Never fails as a whole: what is wrong is
// in `errors`, and all lines that could be made are there.
Lines parse_lines(const std::filesystem::path& name, std::string_view text,
                  Macros macros, const ReadFile& read);

}  // namespace policy
