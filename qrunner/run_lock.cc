// SPDX-License-Identifier: Apache-2.0
#include "qrunner/run_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "spoolfmt/spool.h"

namespace qrunner {

base::Result<RunLock> RunLock::acquire(const std::filesystem::path& spool,
                                       const std::string& queue) {
  RunLock held;
  auto directory = spool / "db" / "bobbin";
  if (!spoolfmt::make_directory(spool / "db") || !spoolfmt::make_directory(directory))
    return held;
  auto path = directory / ("runner" + (queue.empty() ? "" : "-" + queue));
  auto file = base::open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0640);
  if (!file || !spoolfmt::settle_file(file->get(), path)) return held;
  auto lock = base::FileLock::acquire(std::move(*file), 1, path.string());
  if (!lock) {
    if (lock.error().code != base::Code::locked) return held;
    auto text = base::read_file(path, 64);
    auto pid = text ? base::to_number(text->substr(0, text->find('\n'))) : std::nullopt;
    return base::fail(base::Code::locked,
                      "another run of this queue is at work" +
                          (pid ? " (pid " + std::to_string(*pid) + ")" : "") +
                          ": --parallel starts one beside it");
  }
  std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock->fd(), 0) != 0 ||
      ::pwrite(lock->fd(), pid.data(), pid.size(), 0) < 0)
    return held;
  held.lock_ = std::move(*lock);
  return held;
}

}  // namespace qrunner
