// SPDX-License-Identifier: Apache-2.0
//
// Where a delivery is written down when neither the journal of its message nor its -H
// can be: a file that is open and has its room before anything is sent, on another disk
// if the administrator has one (spec/queue-run.md 13.10).
//
// A line is an id, a blank and a name as journals have it.  Whose names stand here
// stays locked until the run ends, when the journals are tried once more; what then is
// left, the next run takes in before it does anything else.  Safe from any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/file_lock.h"
#include "base/result.h"
#include "spoolfmt/locked_message.h"
#include "spoolfmt/spool.h"

namespace qrunner {

class EmergencyJournal {
 public:
  // In `directory`, for messages of that queue.  Code::no_space: it has no room.
  static base::Result<std::unique_ptr<EmergencyJournal>> open(
      const std::filesystem::path& directory, const std::string& queue);
  ~EmergencyJournal();  // it goes, unless the next run needs it
  EmergencyJournal(const EmergencyJournal&) = delete;
  EmergencyJournal& operator=(const EmergencyJournal&) = delete;

  // No kill and no power cut loses the names.  The message stays locked.
  base::Result<void> record(const spoolfmt::LockedMessage& message,
                            const std::vector<std::string>& names);
  // Puts the names where they belong, if that works by now, and lets go of the
  // messages.
  void settle();

 private:
  struct Stranded {
    base::Fd lock;        // shares the lock of the message
    std::string journal;  // -J; empty: the message has ended, and that may not last
    std::vector<std::string> names;
  };

  EmergencyJournal(base::FileLock file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}

  std::mutex mutex_;
  base::FileLock file_;
  std::string path_;
  bool used_ = false;
  std::vector<Stranded> stranded_;
};

// Journals of this queue that runs before left behind go into those of their messages.
// An error: they are not, and whoever sent a message now might send it twice.
base::Result<void> take_in_emergencies(const std::filesystem::path& directory,
                                       const std::string& queue,
                                       const spoolfmt::Spool& spool);

}  // namespace qrunner
