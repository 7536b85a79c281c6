// SPDX-License-Identifier: Apache-2.0
//
// Macros: textual replacement on physical lines (spec/policy.md section 2.2; Exim
// manual, "Macros in the configuration file").
//
// They are tried in the order of their definition, each over the whole line once, so a
// replacement can use macros defined later but never itself.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/source.h"

namespace policy {

class Macros {
 public:
  // From the command line, "NAME=text" each: these win over the file silently.
  // `features` are the predefined names (_OPT_MAIN_...), which match whole words only:
  // a name we lack must not look defined because a shorter one is.  Code::usage.
  static base::Result<Macros> create(std::span<const std::string> settings,
                                     std::span<const std::string> features);

  // What "NAME = text" and "NAME == text" do.  Code::config with the remedy.
  base::Result<void> define(std::string_view name, std::string_view text,
                            Origin where = {});
  base::Result<void> redefine(std::string_view name, std::string_view text);

  // Replaces in `line` from `start` on and says how often.  A use inside a longer word
  // is noted in `warnings`.  Code::config if the line grows beyond 1 MiB.
  base::Result<std::size_t> replace(SourceText& line, std::size_t start,
                                    std::vector<Diagnostic>& warnings) const;

  // In the order that Origin::macro counts.
  std::vector<std::string> names() const;
  std::vector<Origin> definitions() const;  // line 0: not in a file
  std::size_t count() const { return macros_.size(); }

 private:
  struct Macro {
    std::string name, text;
    Origin where;
    bool from_command_line = false;
  };
  std::size_t replace_features(SourceText& line, std::size_t start) const;

  std::vector<Macro> macros_;
  std::map<std::string, std::size_t, std::less<>> numbers_;  // name: index
  std::size_t features_ = 0;  // so many of the first ones are features
};

// The length of NAME if `line` reads "NAME = ..." or "NAME == ...".
std::optional<std::size_t> definition_name(std::string_view line);

}  // namespace policy
