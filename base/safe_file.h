// SPDX-License-Identifier: Apache-2.0
//
// A file that appears whole or not at all: temporary name, write, fsync, rename,
// fsync of the directory.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace base {

class SafeFile {
 public:
  // Creates `temporary`, with mode 0640 less the umask: whoever must have one mode sets
  // it on fd().  An old file of that name is debris of a crash and is replaced.
  static Result<SafeFile> create(std::filesystem::path temporary);

  SafeFile(SafeFile&&) = default;
  SafeFile& operator=(SafeFile&&) = delete;
  ~SafeFile();  // unlinks the temporary file if it was never committed

  int fd() const { return fd_.get(); }
  Result<void> write(std::string_view bytes);

  // Syncs, renames over `target` (same directory) and syncs the directory.
  Result<void> commit(const std::filesystem::path& target);

  // The first two steps of it alone, for whoever commits many and syncs a directory
  // once.
  Result<void> sync();
  Result<void> rename_to(const std::filesystem::path& target);

 private:
  SafeFile(Fd fd, std::filesystem::path temporary)
      : fd_(std::move(fd)), temporary_(std::move(temporary)) {}

  Fd fd_;
  std::filesystem::path temporary_;
};

}  // namespace base
