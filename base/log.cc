// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <mutex>

#include "base/text.h"

namespace base {

namespace {

constexpr std::size_t kLongestLine = 8192;
constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT;

// What we made: its mode whatever the umask, and, if we are root, the owner of the
// directory it is in, for Exim must be able to write there too.
void settle(int fd, const std::filesystem::path& path, mode_t mode) {
  (void)!::fchmod(fd, mode);
  struct stat above{};
  if (::geteuid() == 0 && ::stat(path.parent_path().c_str(), &above) == 0)
    (void)!::fchown(fd, above.st_uid, above.st_gid);
}

Result<Fd> open_log(const std::filesystem::path& path) {
  // The open below tells what is wrong with the directory.
  auto directory = path.parent_path();
  std::error_code ignored;
  std::filesystem::create_directories(directory.parent_path(), ignored);
  if (::mkdir(directory.c_str(), 0750) == 0)
    if (auto fd = open_file(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
      settle(fd->get(), directory, 0750);
  auto made = open_file(path, kFlags | O_EXCL, 0640);
  if (!made) return open_file(path, kFlags, 0640);
  settle(made->get(), path, 0640);
  return made;
}

std::pair<dev_t, ino_t> file_of(const struct stat& status) {
  return {status.st_dev, status.st_ino};
}

std::pair<dev_t, ino_t> file_of(const Fd& fd) {
  struct stat status{};
  (void)::fstat(fd.get(), &status);
  return file_of(status);
}

}  // namespace

std::string format_log_time(Time time) {
  std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local)};
}

MainLog::MainLog(std::filesystem::path path, Fd fd, const Clock& clock)
    : path_(std::move(path)), fd_(std::move(fd)), file_(file_of(fd_)), clock_(&clock) {}

MainLog::MainLog(MainLog&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::move(other.fd_)),
      file_(std::move(other.file_)),
      clock_(other.clock_) {}

Result<MainLog> MainLog::open(std::filesystem::path path, const Clock& clock) {
  Fd fd = TRY(open_log(path));
  return MainLog(std::move(path), std::move(fd), clock);
}

MainLog MainLog::to_stderr(const Clock& clock) {
  return {{}, Fd(), clock};
}

bool MainLog::rotated() const {
  struct stat named{};
  return ::stat(path_.c_str(), &named) != 0 || file_of(named) != file_;
}

Result<void> MainLog::reopen() {
  fd_ = TRY(open_log(path_));
  file_ = file_of(fd_);
  return {};
}

Result<void> MainLog::write(std::string_view id, std::string_view text) {
  std::string line = format_log_time(clock_->now()) + " ";
  if (!id.empty()) line.append(id).append(" ");
  for (char c : text) {
    bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (control)
      line += printable({&c, 1});
    else
      line += c;
  }
  if (line.size() > kLongestLine - 1) line.resize(kLongestLine - 1);
  line += '\n';
  if (path_.empty()) {
    std::lock_guard alone(mutex_);
    return write_all(STDERR_FILENO, line, "stderr");
  }
  // The kernel keeps apart what is one write, of ours as of other programs.
  std::shared_lock together(mutex_);
  if (!rotated()) return write_all(fd_.get(), line, path_.string());
  together.unlock();
  std::lock_guard alone(mutex_);
  if (rotated()) TRY(reopen());
  return write_all(fd_.get(), line, path_.string());
}

}  // namespace base
