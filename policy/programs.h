// SPDX-License-Identifier: Apache-2.0
//
// The policy as every program reads it: the file that -C names, the macros of -D, and
// what the program can serve of it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cli.h"
#include "base/result.h"
#include "policy/phase.h"
#include "policy/policy.h"

namespace policy {

// "receive", "run", "list" (what selects messages by --where); nothing for others.
std::optional<Program> find_program(std::string_view name);

// The names that .ifdef may ask for: _OPT_..., _DRIVER_..., _ACL_... of the language,
// and _HAVE_... of what `program` serves.
std::vector<std::string> predefined_macros(const Program& program);

// What -C names, /etc/bobbin/bobbin.conf, or nothing where that does not exist.
struct PolicyFile {
  std::filesystem::path name;
  std::string text;
  bool exists = true;
};
// Code::config: it cannot be read.
base::Result<PolicyFile> read_policy_file(const base::CommonOptions& common);
// How included files are read.
base::Result<std::string> read_included(const std::filesystem::path& path);

// The logical lines alone, as a program that serves everything has them.  Code::usage
// for a bad -D.
base::Result<Lines> read_lines(const PolicyFile& file,
                               const base::CommonOptions& common);
// The whole of it.  Code::usage for a bad -D; what is wrong in the file is in Loaded.
base::Result<Loaded> load_policy(const PolicyFile& file,
                                 const base::CommonOptions& common,
                                 const Program& program);

}  // namespace policy
