// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace base {

void Fd::reset() {
  // EINTR from close leaves the descriptor closed on Linux: never close twice.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Fd> open_at(int at, const std::string& path, int flags, mode_t mode) {
  for (;;) {
    // A path of the peer's making never gets here: names are ids or operands.
    int fd = ::openat(at, path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Fd(fd);
    if (errno == EPERM && (flags & O_NOATIME) != 0)
      flags &= ~O_NOATIME;
    else if (errno != EINTR)
      return system_failure(path, errno);
  }
}

Result<std::string> read_all(int fd, std::string_view place, std::size_t limit,
                             off_t offset) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return system_failure(place, errno);
  if (S_ISDIR(status.st_mode)) return system_failure(place, EISDIR);
  if (!S_ISREG(status.st_mode))
    return fail(Code::permanent, std::string(place) + ": not a regular file");
  auto too_long = [&] {
    return fail(Code::permanent, std::string(place) + ": larger than " +
                                     std::to_string(limit) + " bytes: not read");
  };
  std::size_t expected =
      status.st_size > offset ? static_cast<std::size_t>(status.st_size - offset) : 0;
  if (expected > limit) return too_long();
  std::string text;
  text.resize(expected + 1);  // one more byte finds the end without growing
  std::size_t size = 0;
  for (;;) {
    ssize_t n = ::pread(fd, text.data() + size, text.size() - size,
                        offset + static_cast<off_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(place, errno);
    bool end = static_cast<std::size_t>(n) < text.size() - size;
    size += static_cast<std::size_t>(n);
    if (size > limit) return too_long();
    if (end) break;  // a regular file is cut short by its end only
    if (size == text.size()) text.resize(size + size / 2 + 4096);
  }
  text.resize(size);
  return text;
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  // Non-blocking, so that a fifo in a file's place cannot hold us.
  Fd fd = TRY(open_file(path, O_RDONLY | O_NONBLOCK));
  return read_all(fd.get(), path.string(), limit);
}

Result<void> write_all(int fd, std::string_view bytes, std::string_view place) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(place, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> write_all(int fd, std::string_view first, std::string_view second,
                       std::string_view place) {
  iovec parts[] = {{const_cast<char*>(first.data()), first.size()},
                   {const_cast<char*>(second.data()), second.size()}};
  ssize_t n = ::writev(fd, parts, 2);
  if (n < 0 && errno != EINTR) return system_failure(place, errno);
  std::size_t written = n < 0 ? 0 : static_cast<std::size_t>(n);
  std::size_t of_first = std::min(written, first.size());
  TRY(write_all(fd, first.substr(of_first), place));
  return write_all(fd, second.substr(written - of_first), place);
}

Result<void> sync(int fd, std::string_view place) {
  if (::fsync(fd) != 0) return system_failure(place, errno);
  return {};
}

Result<void> sync_directory(const std::filesystem::path& directory) {
  // The parent_path of a name without a slash is empty.
  Fd fd = TRY(open_file(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0 && errno != EINVAL)
    return system_failure(directory.string(), errno);
  return {};
}

}  // namespace base
