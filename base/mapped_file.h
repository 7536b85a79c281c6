// SPDX-License-Identifier: Apache-2.0
//
// A file's bytes in memory without a copy (Boost.Interprocess).
//
// For -D files only: they never change once they have their name, so no mapping can be
// cut short under a reader.  -H files are replaced and small: read those.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace base {

class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  ~MappedFile();

  // Valid as long as this object.
  std::string_view bytes() const;

 private:
  struct Region;
  explicit MappedFile(std::unique_ptr<Region> region);

  std::unique_ptr<Region> region_;  // keeps Boost out of this header
};

}  // namespace base
