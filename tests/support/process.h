// SPDX-License-Identifier: Apache-2.0
//
// A program started by a test, with its three streams in our hands.
//
// Every wait has a deadline and none has a fixed length: saw() and wait() return as
// soon as there is something to know.  A process still running when its object goes is
// killed by its pid and reaped, so no test leaves one behind.  What cannot be started
// throws std::system_error, which fails the test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace support {

// The built program of that name: program("bobbin"), program("bobbin-list").
std::filesystem::path program(std::string_view name);

struct Command {
  std::string program;                   // a path, or a name that PATH finds
  std::vector<std::string> args;         // without the program's own name
  std::vector<std::string> env = {};     // "NAME=value" over ours; "NAME" removes it
  std::string input = {};                // all of standard input ...
  bool keep_input_open = false;          // ... unless send() follows
  std::filesystem::path directory = {};  // to work in; empty: ours
};

struct Outcome {
  int status = -1;  // the exit status, or 128 + the signal that ended it
  std::string out, err;
};

class Process {
 public:
  static constexpr std::chrono::seconds kDeadline{60};

  explicit Process(const Command& command);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  void signal(int number);

  void send(std::string_view text);
  void close_input();

  // Until stdout or stderr has `text` in what has been read so far.  False if the
  // streams ended or the deadline passed without it.
  bool saw(std::string_view text, std::chrono::milliseconds deadline = kDeadline);

  // Until the program has ended and both streams are read.  Past the deadline it is
  // killed (status 137).
  Outcome wait(std::chrono::milliseconds deadline = kDeadline);

  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

 private:
  using Instant = std::chrono::steady_clock::time_point;

  // Waits until one stream moved; false when there is no more to come or `until`
  // passed.
  bool pump(Instant until);

  pid_t pid_ = -1;  // -1: reaped
  base::Fd input_, output_, errors_;
  base::Fd ended_;  // a pidfd: readable once the program has ended
  std::string to_send_, out_, err_;
  bool keep_input_open_ = false;
};

// Start, feed, wait.
Outcome run(const Command& command,
            std::chrono::milliseconds deadline = Process::kDeadline);

}  // namespace support
