// SPDX-License-Identifier: Apache-2.0
//
// The main section of the configuration: what all programs are told (spec/policy.md
// section 15.3; Exim manual, "Main configuration").
//
// All options stand in one table (policy/options.h).  Here are those that every program
// may need, as plain values: a tool that lists a queue reads no ACLs for that.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cli.h"
#include "base/result.h"
#include "policy/lines.h"
#include "policy/options.h"

namespace policy {

struct MainOptions {
  std::optional<std::string> primary_hostname;  // ask primary_hostname() below
  std::filesystem::path spool_directory = "/var/spool/bobbin";
  bool split_spool_directory = false;
  unsigned message_id_format = 16;           // characters of a new message's id: 16, 23
  std::optional<unsigned> localhost_number;  // 0 to 16
  std::uint64_t message_size_limit = std::uint64_t{50} << 20;  // bytes; 0: none
  std::optional<std::string> log_file_path;                    // ask log_path() below
  bool message_logs = true;
  bool preserve_message_logs = false;
  bool queue_fast_ramp = true;
  bool queue_run_in_order = false;
  unsigned recipients_max = 50000;                 // 0: no limit
  std::chrono::seconds smtp_receive_timeout{300};  // 0: wait for ever
  std::string line_endings = "reject";             // "exim", "lenient"
  unsigned smtp_max_synprot_errors = 3;
  unsigned smtp_max_unknown_commands = 3;
};

// What the main section of `lines` says; other sections are not looked at, and neither
// are templates, lists and names of ACLs.  Everything wrong, in the lines themselves
// too, is one Code::config: all messages in the order of the files.
base::Result<MainOptions> parse_main_options(Lines lines);

// Out of options read already, as load_policy() has them.
MainOptions main_options(const Options& options, Diagnostics& diagnostics);

// Reads -C, or /etc/bobbin/bobbin.conf if that exists, or takes the defaults; -D macros
// apply and -s wins over spool_directory.  Code::config, or Code::usage for a bad -D.
base::Result<MainOptions> load_main_options(const base::CommonOptions& common);

// The option, or else the machine's name, fully qualified if the system knows how.
// This may ask the system's resolver, so only programs that need the name pay for it.
std::string primary_hostname(const MainOptions& options);

// The file for `log`, "main", "reject" or "panic": Exim's %s.
std::filesystem::path log_path(const MainOptions& options, std::string_view log);

// The table, for the manual page and its test: name, type, and default as written.
struct MainOptionInfo {
  std::string name, type, preset, about;
};
std::vector<MainOptionInfo> describe_main_options();

}  // namespace policy
