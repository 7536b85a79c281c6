// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_quarantine.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "base/safe_file.h"

namespace receiver {

namespace {

using base::Result;
namespace fs = std::filesystem;

constexpr std::size_t kBlock = 65536;

// Shares the blocks where the file system can, else copies.
Result<void> copy_all(int from, int to, std::string_view place) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  std::array<char, kBlock> block;
  for (off_t at = 0;;) {
    ssize_t count = ::pread(from, block.data(), block.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::system_failure(place, errno);
    if (count == 0) return {};
    at += count;
    TRY(base::write_all(to, {block.data(), static_cast<std::size_t>(count)}, place));
  }
}

Result<base::SafeFile> private_file(const fs::path& target) {
  fs::path temporary = target;
  temporary += ".new";
  auto file = TRY(base::SafeFile::create(temporary));
  if (::fchmod(file.fd(), 0600) != 0)
    return base::system_failure(temporary.string(), errno);
  return file;
}

}  // namespace

Result<void> keep_copy(const ScriptConfig& config, std::string_view id,
                       std::string_view script, int content, std::string_view json) {
  if (config.keep_dir.empty())
    return base::fail(base::Code::config, "no keep_dir: nothing can be kept");
  std::string name = std::string(id) + "." + std::string(script);
  fs::path message = config.keep_dir / (name + ".eml");
  fs::path facts = config.keep_dir / (name + ".json");
  auto copy = TRY(private_file(message));
  TRY(copy_all(content, copy.fd(), message.string()));
  auto object = TRY(private_file(facts));
  TRY(object.write(json));
  TRY(object.commit(facts));
  return copy.commit(message);
}

Result<void> enforce_quota(const ScriptConfig& config, base::Time now) {
  struct Kept {
    std::uint64_t bytes = 0;
    std::int64_t changed = 0;
    std::vector<fs::path> files;
  };
  std::map<std::string, Kept> copies;  // by name without .eml and .json
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(config.keep_dir, error)) {
    std::string extension = entry.path().extension();
    struct stat status{};
    if ((extension != ".eml" && extension != ".json") ||
        ::lstat(entry.path().c_str(), &status) != 0)
      continue;
    Kept& kept = copies[entry.path().stem()];
    kept.bytes += static_cast<std::uint64_t>(status.st_size);
    kept.changed = std::max<std::int64_t>(kept.changed, status.st_mtime);
    kept.files.push_back(entry.path());
  }
  if (error) return base::system_failure(config.keep_dir.string(), error.value());
  std::vector<Kept*> oldest_first;
  std::uint64_t bytes = 0;
  for (auto& [name, kept] : copies) {
    oldest_first.push_back(&kept);
    bytes += kept.bytes;
  }
  std::ranges::stable_sort(oldest_first, {}, &Kept::changed);
  auto second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
  std::int64_t too_old = (second - config.keep_age).count();
  for (const Kept* kept : oldest_first) {
    if (bytes <= config.keep_bytes && kept->changed >= too_old) break;
    for (const fs::path& file : kept->files) fs::remove(file, error);
    bytes -= kept->bytes;
  }
  return {};
}

}  // namespace receiver
