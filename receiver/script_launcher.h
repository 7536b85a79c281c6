// SPDX-License-Identifier: Apache-2.0
//
// The process that starts DATA-stage scripts (spec/smtp-features.md 13.5).
//
// Forked before the receiver has keys, threads or strangers' bytes, it keeps what
// rights there are to change users.  It reads the list of scripts itself and starts
// nothing else, whatever the receiver may have become.  Each request has a channel of
// its own: the answer comes there, and closing it ends the script and all it started.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "receiver/script_config.h"
#include "receiver/script_message.h"
#include "receiver/script_verdict.h"

namespace receiver {

class ScriptLauncher {
 public:
  // Forks; call it before there is a thread or a secret.  `list` is the INI file,
  // `directory` an existing one where each script gets an empty directory to work in.
  static base::Result<ScriptLauncher> start(const std::filesystem::path& list,
                                            const std::filesystem::path& directory);
  ScriptLauncher(ScriptLauncher&& other) noexcept
      : control_(std::move(other.control_)), pid_(std::exchange(other.pid_, -1)) {}
  ScriptLauncher& operator=(ScriptLauncher&&) = delete;
  ~ScriptLauncher();  // ends the process

  struct Loaded {
    std::uint64_t generation = 0;
    ScriptConfig config;
  };
  // Reads the list, now or again; the launcher keeps the former ones for runs that
  // began with them.  Blocks.  From any thread.  Code::config with the remedy.
  base::Result<Loaded> load() const;

  struct Request {
    std::uint64_t generation = 0;
    std::size_t script = 0;                // of that list
    std::chrono::milliseconds deadline{};  // told to the script
    ScriptEvent event = ScriptEvent::data;
    std::string id;
  };
  // The channel: readable when there is a report.  From any thread; does not block.
  base::Result<base::Fd> launch(const Request& request, int input, int message) const;
  // What the channel has to say; nothing: not yet.  (Readiness may be told in error.)
  static std::optional<ScriptExit> read_report(int channel);

 private:
  ScriptLauncher(base::Fd control, pid_t pid)
      : control_(std::move(control)), pid_(pid) {}

  base::Fd control_;
  pid_t pid_ = -1;
};

}  // namespace receiver
