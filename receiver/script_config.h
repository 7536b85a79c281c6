// SPDX-License-Identifier: Apache-2.0
//
// The list of DATA-stage scripts: an INI file (spec/smtp-features.md 13.1;
// bobbin-data-scripts(7)).
//
// Reading the text is pure; whether the executables may be trusted is asked of the disk
// by check_scripts.  A list that was read never changes: a reload makes another one.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace receiver {

// One section [script NAME].
struct Script {
  std::string name;                  // letters, digits, - and _
  unsigned line = 0;                 // of its section
  unsigned order = 0;                // unique
  std::filesystem::path executable;  // a name in `dir`, or absolute
  std::vector<std::string> arguments;
  std::chrono::seconds timeout{20};
  bool required = false;
  bool pass_on_error = false;  // on_error = pass; never if required
  std::uint64_t max_size = 0;  // larger messages need not pass it; 0: all do
  std::string when;            // a condition of the policy; "": always
  unsigned when_line = 0;
  std::string group;      // runs beside its neighbours of the same group
  bool readonly = false;  // changes nothing, so that it may
  bool may_stop = false;  // exit status 30 is allowed
  bool network = false;
  std::string user;                                 // "": the one of all scripts
  std::filesystem::path state;                      // what it may write; "": nothing
  std::vector<std::filesystem::path> read;          // what it may read beside the usual
  std::uint64_t memory = std::uint64_t{512} << 20;  // address space; 0: no limit
};

// One section [event NAME].
struct ScriptEventList {
  std::vector<std::size_t> run;  // indices, in order
  std::chrono::seconds budget{30};
};

struct ScriptConfig {
  std::filesystem::path dir;
  std::string user;  // for scripts that name none
  std::chrono::seconds total_timeout{120};
  std::chrono::seconds reply_reserve{10};
  unsigned max_running = 8;
  std::chrono::seconds queue_wait{10};
  bool finish_when_gone = false;       // on_client_gone = finish
  bool skip_optional_on_quit = false;  // early_quit = skip-optional
  bool keep_alive = false;             // keepalive = after-required
  bool mark_late_fail = false;         // late_fail = mark, not quarantine
  std::chrono::seconds keepalive_every{20};
  std::filesystem::path keep_dir;
  std::uint64_t keep_bytes = std::uint64_t{500} << 20;
  std::chrono::seconds keep_age = std::chrono::days(14);
  std::vector<Script> scripts;  // by order
  ScriptEventList client_gone, timeout;

  // From the end of data to the last verdict.
  std::chrono::seconds budget() const { return total_timeout - reply_reserve; }
};

// Code::config: "FILE: line N: what: remedy".
base::Result<ScriptConfig> parse_script_config(std::string_view text,
                                               std::string_view file);

// Are directory and executables root's or `admin`'s, who owns the list, and nobody
// else's to write?  Code::config with the remedy.
base::Result<void> check_scripts(const ScriptConfig& config, std::string_view file,
                                 uid_t admin);
// The same for one executable, of which `status` is known: asked again at each start.
base::Result<void> check_executable(const std::filesystem::path& path,
                                    const struct stat& status, uid_t admin);

}  // namespace receiver
