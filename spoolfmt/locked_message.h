// SPDX-License-Identifier: Apache-2.0
//
// A message we hold the lock of, and what only the holder may do.
//
// The lock is on the first line of -D, Exim's exact range, so we exclude each other.
// Lock first, read -H afterwards: it may just have been replaced.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_lock.h"
#include "base/result.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/spool.h"

namespace spoolfmt {

class LockedMessage {
 public:
  // `spool` lives longer.  Never waits.  Code::locked: somebody else works on it.
  // Code::not_found: no -D, or its last owner finished it between our open and our
  // lock.
  static base::Result<LockedMessage> lock(const Spool& spool, const MessageId& id);

  const MessageId& id() const { return id_; }
  char subdirectory() const { return subdirectory_; }
  std::filesystem::path path(std::string_view suffix) const;  // "-H", "-D", "-J"
  std::string name(std::string_view suffix) const;            // the same, as text
  std::string directory_name() const { return spool_->input_name(subdirectory_); }
  std::string msglog_name() const;
  int d_fd() const { return lock_.fd(); }
  // Nobody writes to a -D in the queue.
  std::uint64_t d_size() const { return d_size_; }

  // -H as it is now, not merged with -J.  Fails with Code::syntax on a damaged one.
  base::Result<HFile> read_h() const;

  // Merges a journal left by a crash into `file` and rewrites -H; -J stays until the
  // caller's own work on the message is over.  True if there was one.  A recipient
  // whose unique form is in the journal is also marked under its own spelling, so that
  // listings agree.
  base::Result<bool> recover_journal(HFile& file) const;

  // Replaces -H: hdr.<id>, fsync, rename, fsync of the directory.
  base::Result<void> publish(const HFile& file) const;

  // The end of a message, in Exim's order: message log (or moved to msglog.OLD), -D,
  // -H, -J.
  base::Result<void> remove(bool preserve_log = false) const;
  // The same but for -J: it goes when no power cut can bring back the others, which is
  // once the directory is synced.
  base::Result<void> remove_but_journal(bool preserve_log = false) const;
  base::Result<void> remove_journal() const;

  // append_message_log of this message.
  void log(std::string_view line, base::Time now) const;

 private:
  base::Result<void> remove_log(bool preserve) const;
  LockedMessage(const Spool& spool, MessageId id, char subdirectory,
                base::FileLock lock, std::uint64_t d_size)
      : spool_(&spool),
        id_(id),
        subdirectory_(subdirectory),
        lock_(std::move(lock)),
        d_size_(d_size) {}

  const Spool* spool_;
  MessageId id_;
  char subdirectory_;
  base::FileLock lock_;
  std::uint64_t d_size_;
};

}  // namespace spoolfmt
