// SPDX-License-Identifier: Apache-2.0
//
// The actions of bobbin-policy, a function each (spec/policy.md 19.7).
//
// All of them read the policy as the programs do and stop at its errors; those that
// evaluate do so with values of the command line and a message in a file, and ask
// nobody.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/cli.h"
#include "base/result.h"
#include "policy/outcome.h"
#include "policy/programs.h"
#include "policy/scripted_context.h"

namespace utils {

struct PolicyOptions {
  base::CommonOptions common;
  std::string action;
  std::vector<std::string> operands;
  bool json = false;
  bool werror = false;                // check
  bool provenance = false;            // check
  bool reference = false;             // print
  std::string program;                // check; empty: any
  std::filesystem::path message;      // what is evaluated with a message
  std::vector<std::string> settings;  // NAME=VALUE
  std::filesystem::path output;       // convert
};

base::Result<void> check_policy(const PolicyOptions& options);
base::Result<void> print_policy(const PolicyOptions& options);
base::Result<void> convert_policy(const PolicyOptions& options);
base::Result<void> expand_texts(const PolicyOptions& options);
base::Result<void> match_list(const PolicyOptions& options);
base::Result<void> try_session(const PolicyOptions& options);
base::Result<void> route_addresses(const PolicyOptions& options);
base::Result<void> show_retry_rule(const PolicyOptions& options);

// The policy, for actions that need a sound one.  Code::config, and what is wrong is on
// standard error.
base::Result<policy::Loaded> load_sound_policy(const base::CommonOptions& common);

// What --message and --set say.  Code::usage: there is no such variable.
base::Result<void> fill(policy::ScriptedContext& context, const PolicyOptions& options);

// "forced", "deferred", "failed": how answers begin that are none.
std::string_view word_of(policy::Failure::Kind kind);

// A tool's answer, on standard output at the end or when it is long.
base::Result<void> print(std::string_view text);

}  // namespace utils
