// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/text.h"

namespace base {

namespace {

constexpr std::size_t kLongestLine = 8192;
constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT;

Result<Fd> open_log(const std::filesystem::path& path) {
  std::error_code ignored;  // the open below tells what is wrong
  if (std::filesystem::create_directories(path.parent_path(), ignored))
    ::chmod(path.parent_path().c_str(), 0750);
  return open_file(path, kFlags, 0640);
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
    : path_(std::move(path)), fd_(std::move(fd)), clock_(&clock) {}

MainLog::MainLog(MainLog&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::move(other.fd_)), clock_(other.clock_) {}

Result<MainLog> MainLog::open(std::filesystem::path path, const Clock& clock) {
  Fd fd = TRY(open_log(path));
  return MainLog(std::move(path), std::move(fd), clock);
}

MainLog MainLog::to_stderr(const Clock& clock) {
  return {{}, Fd(), clock};
}

Result<void> MainLog::follow_rotation() {
  struct stat named{};
  struct stat opened{};
  bool same = ::stat(path_.c_str(), &named) == 0 && ::fstat(fd_.get(), &opened) == 0 &&
              named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
  if (!same) fd_ = TRY(open_log(path_));
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
  std::lock_guard guard(mutex_);
  if (path_.empty()) return write_all(STDERR_FILENO, line, "stderr");
  TRY(follow_rotation());
  return write_all(fd_.get(), line, path_.string());
}

}  // namespace base
