// SPDX-License-Identifier: Apache-2.0
//
// A message from one directory to another, complete or not at all.
//
// -D goes first and -H last, because the arrival of -H makes it a message; a name that
// is taken is an error, never overwritten.  Exim's queuefile transport does it the
// other way round, without a temporary name, and leaves half files behind (exim-spool
// facts, section 13).
#pragma once

#include <filesystem>

#include "base/result.h"
#include "spoolfmt/locked_message.h"

namespace spoolfmt {

// Moves a message to other directories of the same file system: links message log, -D
// and -H there, syncs, then unlinks -H, -D and message log here.  A journal does not
// move: merge it first (Code::usage if there is one).
base::Result<void> move_message(const LockedMessage& message,
                                const std::filesystem::path& input,
                                const std::filesystem::path& msglog);

enum class CopyMode {
  bytes,  // files of their own
  link,   // hard links; the copy's -D stays the queue's inode and must never be changed
};

// Copies -D and -H of a message into `directory`, under their own names, synced.
base::Result<void> copy_message(const LockedMessage& message,
                                const std::filesystem::path& directory, CopyMode mode);

}  // namespace spoolfmt
