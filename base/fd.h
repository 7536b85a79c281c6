// SPDX-License-Identifier: Apache-2.0
//
// A file descriptor with an owner, and the few whole-buffer calls everybody needs.
//
// All paths are opened close-on-exec.  Short reads and writes and EINTR are dealt with
// here, so that callers see either all bytes or an error.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace base {

// Owns one descriptor; -1 means none.  Moved, never copied.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// open(2) below the directory `at` (or AT_FDCWD); O_CLOEXEC is always added.  O_NOATIME
// is a wish, which only the owner of a file is granted: to note when it was read would
// be a write, and wait for the disk.
Result<Fd> open_at(int at, const std::string& path, int flags, mode_t mode = 0640);
inline Result<Fd> open_file(const std::filesystem::path& path, int flags,
                            mode_t mode = 0640) {
  return open_at(AT_FDCWD, path.string(), flags, mode);
}

// Everything from `offset` to the end.  Fails with Code::permanent if there are more
// than `limit` bytes, so that no file can exhaust our memory.  `place` names it in
// errors.
Result<std::string> read_all(int fd, std::string_view place, std::size_t limit,
                             off_t offset = 0);
Result<std::string> read_file(const std::filesystem::path& path,
                              std::size_t limit = std::size_t{1} << 30);

// All of `bytes` at the descriptor's position.
Result<void> write_all(int fd, std::string_view bytes, std::string_view place);
// Both, in one call if the kernel takes them so.
Result<void> write_all(int fd, std::string_view first, std::string_view second,
                       std::string_view place);

// fsync(2).  A failure is final: the kernel may have dropped the pages, so a retry
// that succeeds proves nothing.
Result<void> sync(int fd, std::string_view place);

// Syncs a directory itself, so that names made or removed in it survive.  EINVAL, which
// some file systems answer for directories, counts as success, as it does for Exim.
Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace base
