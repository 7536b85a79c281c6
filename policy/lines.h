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
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/macros.h"
#include "policy/source.h"

namespace policy {

struct SourceFile {
  std::string name;    // as it was opened
  Origin included_at;  // line 0: the main file
};

struct Lines {
  std::vector<SourceFile> files;
  std::vector<std::string> macros;  // names, for Origin::macro
  std::vector<SourceText> lines;    // trimmed, never empty, no definitions
  std::vector<Diagnostic> errors, warnings;

  // "FILE:LINE: text", and the macro and the including line if there are any.
  std::string format(const Diagnostic& diagnostic) const;
};

// How included files are read; base::read_file outside of tests.
using ReadFile = std::function<base::Result<std::string>(const std::filesystem::path&)>;

// `text` is what the main file `name` holds.  Never fails as a whole: what is wrong is
// in `errors`, and all lines that could be made are there.
Lines parse_lines(const std::filesystem::path& name, std::string_view text,
                  Macros macros, const ReadFile& read);

}  // namespace policy
