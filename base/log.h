// SPDX-License-Identifier: Apache-2.0
//
// The main log, in Exim's line frame, so that exigrep, eximstats and fail2ban read it.
//
// "YYYY-MM-DD HH:MM:SS ID text" in local time (Exim manual, "Log files").  One write
// per line on a file opened for append, and the file's inode is compared before each
// line, so that rotation by rename is followed without a signal.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace base {

class MainLog {
 public:
  // Opens or creates `path` (0640; directories 0750).
  static Result<MainLog> open(std::filesystem::path path, const Clock& clock);
  // Lines go to stderr, without rotation: for tools run by hand with no log directory.
  static MainLog to_stderr(const Clock& clock);

  MainLog(MainLog&& other) noexcept;
  MainLog& operator=(MainLog&&) = delete;

  // One line; `id` may be empty.  Control bytes in `text` are escaped, so that no peer
  // can forge a line, and the line is cut at 8 KiB.  Safe from any thread.  Fails with
  // Code::disk or no_space: an unlogged acceptance or delivery is not acceptable, so
  // the caller must look.
  Result<void> write(std::string_view id, std::string_view text);

 private:
  MainLog(std::filesystem::path path, Fd fd, const Clock& clock);
  bool rotated() const;
  Result<void> reopen();

  std::filesystem::path path_;  // empty: stderr
  Fd fd_;
  std::pair<dev_t, ino_t> file_;  // what fd_ is
  const Clock* clock_;
  std::shared_mutex mutex_;  // lines are written side by side, the file opened alone
};

// "2026-11-21 10:43:00" in the local zone: the frame of log lines and message logs.
std::string format_log_time(Time time);

}  // namespace base
