// SPDX-License-Identifier: Apache-2.0
//
// LMDB databases that others write, read only: one file each, the unnamed database,
// keys byte for byte (spec/mail-auth.md section 11).
//
// A database must be open once only in a process (its locks would be lost with the
// first descriptor that is closed); who opens them keeps them by device and inode.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

class LmdbReader {
 public:
  // Code::syntax if the file is no database or was cut short; system codes otherwise.
  static Result<LmdbReader> open(const std::filesystem::path& path);

  LmdbReader(LmdbReader&&) noexcept;
  LmdbReader& operator=(LmdbReader&&) noexcept;
  ~LmdbReader();

  // The value of `key` as the database stands now, or false; `value` is left alone
  // then. A key that no database can hold is not there.  Safe from any thread.
  Result<bool> get(std::string_view key, std::string& value) const;

  // Is the file as long as its pages need it?  Reading one that was cut short ends the
  // process.
  Result<void> check_size() const;

 private:
  struct Environment;
  explicit LmdbReader(std::unique_ptr<Environment> environment);

  std::unique_ptr<Environment> environment_;
};

}  // namespace base
