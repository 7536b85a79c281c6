// SPDX-License-Identifier: Apache-2.0
#include "base/file_lock.h"

#include <fcntl.h>

#include <cerrno>

namespace base {

namespace {

struct flock first_bytes(off_t length) {
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = 0;
  range.l_len = length;
  range.l_pid = 0;  // must be 0 for OFD locks
  return range;
}

}  // namespace

Result<FileLock> FileLock::acquire(Fd fd, off_t length, const std::string& place) {
  struct flock range = first_bytes(length);
  if (::fcntl(fd.get(), F_OFD_SETLK, &range) == 0) return FileLock(std::move(fd));
  if (errno == EAGAIN || errno == EACCES)
    return fail(Code::locked,
                place + ": locked (another process is handling this message)");
  return system_failure(place, errno);
}

bool FileLock::is_held(int fd, off_t length) {
  struct flock range = first_bytes(length);
  return ::fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

}  // namespace base
