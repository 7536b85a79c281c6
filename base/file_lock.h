// SPDX-License-Identifier: Apache-2.0
//
// An open-file-description write lock on the first bytes of a file.
//
// Such locks exclude POSIX fcntl locks of other processes in both directions, so Exim
// sees ours and we see Exim's; unlike POSIX locks they also exclude each other between
// threads, and closing some other descriptor of the file does not drop them.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace base {

class FileLock {
 public:
  // Locks bytes 0 to length-1 of the open file without waiting and keeps the
  // descriptor, which must be open for writing.  Code::locked if somebody else holds
  // any part.
  static Result<FileLock> acquire(Fd fd, off_t length, const std::string& place);

  // Does somebody else hold any of it?  Takes nothing, so that nobody is in anybody's
  // way; the descriptor may be for reading only.
  static bool is_held(int fd, off_t length);

  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;  // closing it is the unlock
};

}  // namespace base
