// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/journal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "spoolfmt/spool.h"

namespace spoolfmt {

namespace {
constexpr std::size_t kLongestName = 500;
}  // namespace

std::vector<std::string_view> parse_journal(std::string_view text) {
  std::vector<std::string_view> names;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::size_t line = end == std::string_view::npos ? text.size() : end + 1;
    names.push_back(text.substr(0, line - 1));
    text.remove_prefix(line);
  }
  return names;
}

std::string format_journal(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    out += std::string_view(name).substr(0, kLongestName);
    out += '\n';
  }
  return out;
}

base::Result<Journal> Journal::open(std::string path) {
  auto fd = base::open_at(AT_FDCWD, path,
                          O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (fd) {
    TRY(settle_file(fd->get(), path));
  } else {
    fd = base::open_at(AT_FDCWD, path, O_RDWR | O_APPEND | O_NOFOLLOW);
    if (!fd) return std::unexpected(fd.error());
  }
  return Journal(std::move(*fd), std::move(path));
}

base::Result<void> Journal::reserve(std::size_t bytes) {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return base::system_failure(path_, errno);
  auto size = static_cast<off_t>(bytes);
  if (::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, status.st_size, size) == 0 ||
      errno == EOPNOTSUPP || errno == ENOSYS)
    return {};
  return base::system_failure(path_, errno);
}

base::Result<void> Journal::append(const std::vector<std::string>& names) {
  return base::write_all(fd_.get(), format_journal(names), path_);
}

base::Result<void> Journal::sync() {
  return base::sync(fd_.get(), path_);
}

}  // namespace spoolfmt
