// SPDX-License-Identifier: Apache-2.0
//
// What a DATA-stage script gets to see: one JSON object on descriptor 0, the message in
// ordinary form on descriptor 3 (spec/smtp-features.md 13.2).
//
// Nothing of it goes into arguments or environment.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"
#include "receiver/facts.h"

namespace receiver {

enum class ScriptEvent { data, client_gone, timeout };
// "data", "client-gone", "timeout".
std::string_view event_name(ScriptEvent event);

// One message, its own copy of all that is told, since events outlive the session.
struct ScriptMessage {
  std::string id;
  base::Time received;
  std::string hostname;  // ours
  Client client;
  Envelope envelope;
  std::string headers;  // as sent on: our Received first, LF, without the empty line
  std::uint64_t header_count = 0;
  std::string message_id;  // of Message-ID:, no brackets
  std::uint64_t size = 0, lines = 0, longest = 0, nuls = 0;  // of headers and body
  bool eight_bit = false;
  bool chunked = false;  // came by BDAT
  bool cutthrough = false;
  unsigned transaction = 1;        // of the connection
  std::set<std::string> unwanted;  // scripts whose `when` said no

  // The body: `d_file` from `body_at` on; it must stay open until run_scripts returns.
  int d_file = -1;
  std::uint64_t body_at = 0;
  bool wire_format = false;  // CR LF in -D
};

struct PreviousScript {
  std::string script, verdict;
  std::chrono::milliseconds took{};
};

// The object, with a newline.
std::string script_input(const ScriptMessage& message, ScriptEvent event,
                         std::chrono::milliseconds deadline, bool early_quit,
                         const std::vector<PreviousScript>& previous);

// The message as a script reads it, in a file without a name: in memory if it is
// small, else in `directory`.  Blocks.
base::Result<base::Fd> make_script_file(const ScriptMessage& message,
                                        const std::filesystem::path& directory);
// Another one with a position of its own, read only.
base::Result<base::Fd> reopen_read_only(int fd);
// A file in memory with these bytes, read only, at its start.
base::Result<base::Fd> make_memory_file(std::string_view bytes);

}  // namespace receiver
