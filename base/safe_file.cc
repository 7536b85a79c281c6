// SPDX-License-Identifier: Apache-2.0
#include "base/safe_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace base {

Result<SafeFile> SafeFile::create(std::filesystem::path temporary) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto fd = open_file(temporary, kFlags);
  if (!fd) {
    // Whoever made it is dead: its owner would hold the lock that we hold.
    if (::unlink(temporary.c_str()) != 0) return std::unexpected(fd.error());
    fd = open_file(temporary, kFlags);
    if (!fd) return std::unexpected(fd.error());
  }
  return SafeFile(std::move(*fd), std::move(temporary));
}

SafeFile::~SafeFile() {
  if (fd_) ::unlink(temporary_.c_str());
}

Result<void> SafeFile::write(std::string_view bytes) {
  return write_all(fd_.get(), bytes, temporary_.string());
}

Result<void> SafeFile::commit(const std::filesystem::path& target) {
  TRY(sync());
  TRY(rename_to(target));
  return sync_directory(target.parent_path());
}

Result<void> SafeFile::sync() {
  return base::sync(fd_.get(), temporary_.string());
}

Result<void> SafeFile::rename_to(const std::filesystem::path& target) {
  if (::rename(temporary_.c_str(), target.c_str()) != 0)
    return system_failure(target.string(), errno);
  fd_.reset();
  return {};
}

}  // namespace base
