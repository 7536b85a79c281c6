// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include <sys/stat.h>

#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cerrno>

#include "base/fd.h"

namespace base {

namespace ipc = boost::interprocess;

struct MappedFile::Region {
  ipc::mapped_region region;  // empty for an empty file, which cannot be mapped
};

MappedFile::MappedFile(std::unique_ptr<Region> region) : region_(std::move(region)) {}
MappedFile::MappedFile(MappedFile&&) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&&) noexcept = default;
MappedFile::~MappedFile() = default;

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return system_failure(path.string(), errno);
  if (!S_ISREG(status.st_mode))
    return fail(Code::permanent, path.string() + ": not a regular file");
  auto region = std::make_unique<Region>();
  if (status.st_size > 0) {
    try {
      ipc::file_mapping file(path.c_str(), ipc::read_only);
      region->region = ipc::mapped_region(file, ipc::read_only);
    } catch (const ipc::interprocess_exception& e) {
      return system_failure(path.string(), e.get_native_error());
    }
  }
  return MappedFile(std::move(region));
}

std::string_view MappedFile::bytes() const {
  return {static_cast<const char*>(region_->region.get_address()),
          region_->region.get_size()};
}

}  // namespace base
