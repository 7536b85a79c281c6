// SPDX-License-Identifier: Apache-2.0
#include "qrunner/emergency_journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/text.h"
#include "spoolfmt/journal.h"

namespace qrunner {

namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

// For what is under way when a disk fails: a transaction a connection.
constexpr off_t kRoom = 1 << 20;
constexpr std::size_t kLargest = std::size_t{256} << 20;

// Behind it: the number of the process.
std::string prefix_of(const std::string& queue) {
  return "emergency" + (queue.empty() ? "" : "-" + queue) + ".";
}

bool is_of(const std::string& queue, const std::string& name) {
  std::string prefix = prefix_of(queue);
  return name.starts_with(prefix) && base::to_number(name.substr(prefix.size()));
}

// Locked, and still what its path names: another run may have taken it in between.
base::Result<base::FileLock> open_locked(const std::string& path, int flags) {
  auto fd = TRY(base::open_at(AT_FDCWD, path, O_RDWR | O_APPEND | O_NOFOLLOW | flags));
  TRY(spoolfmt::settle_file(fd.get(), path));
  auto lock = TRY(base::FileLock::acquire(std::move(fd), 1, path));
  struct stat status{};
  if (::fstat(lock.fd(), &status) != 0) return base::system_failure(path, errno);
  if (status.st_nlink == 0)
    return base::fail(base::Code::locked, path + ": another run has taken it in");
  return lock;
}

base::Result<void> write_journal(const std::string& path, const Names& names) {
  auto journal = TRY(spoolfmt::Journal::open(path));
  TRY(journal.append(names));
  return journal.sync();
}

// A line without its end was never said to be recorded.
std::map<std::string, Names> parse(std::string_view text) {
  std::map<std::string, Names> names;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    auto blank = line.find(' ');
    if (blank == line.npos || !spoolfmt::MessageId::parse(line.substr(0, blank)))
      continue;
    names[std::string(line.substr(0, blank))].emplace_back(line.substr(blank + 1));
  }
  return names;
}

// A message that is gone stays so only from when its directory is synced.
base::Result<void> take_in(const spoolfmt::Spool& spool, const spoolfmt::MessageId& id,
                           const Names& names) {
  auto message = spoolfmt::LockedMessage::lock(spool, id);
  if (message) return write_journal(message->name("-J"), names);
  if (message.error().code != base::Code::not_found)
    return std::unexpected(message.error());
  if (auto place = spool.locate(id, "-H"))
    return write_journal(spool.file_name(*place, id, "-J"), names);
  for (char place : spool.places_of(id)) {
    auto synced = base::sync_directory(spool.input_name(place));
    if (!synced && synced.error().code != base::Code::not_found) return synced;
  }
  return {};
}

base::Result<void> take_in_file(const std::string& path, const spoolfmt::Spool& spool) {
  auto file = open_locked(path, 0);
  if (!file && (file.error().code == base::Code::locked ||
                file.error().code == base::Code::not_found))
    return {};  // of a run that is at work, or another one's to take in
  if (!file) return std::unexpected(file.error());
  auto text = TRY(base::read_all(file->fd(), path, kLargest));
  for (const auto& [id, names] : parse(text)) {
    auto done = take_in(spool, *spoolfmt::MessageId::parse(id), names);
    if (!done)
      return std::unexpected(
          base::Error{base::Code::disk,
                      path + ": who has " + id +
                          " already is not yet in its journal, nothing is sent: " +
                          done.error().text});
  }
  if (::unlink(path.c_str()) != 0) return base::system_failure(path, errno);
  return {};
}

}  // namespace

base::Result<std::unique_ptr<EmergencyJournal>> EmergencyJournal::open(
    const fs::path& directory, const std::string& queue) {
  std::string path = directory / (prefix_of(queue) + std::to_string(::getpid()));
  auto file = TRY(open_locked(path, O_CREAT));
  std::unique_ptr<EmergencyJournal> journal(
      new EmergencyJournal(std::move(file), std::move(path)));
  bool reserved =
      ::fallocate(journal->file_.fd(), FALLOC_FL_KEEP_SIZE, 0, kRoom) == 0 ||
      errno == EOPNOTSUPP || errno == ENOSYS;
  if (!reserved) return base::system_failure(journal->path_, errno);
  return journal;
}

EmergencyJournal::~EmergencyJournal() {
  if (!used_) (void)::unlink(path_.c_str());
}

base::Result<void> EmergencyJournal::record(const spoolfmt::LockedMessage& message,
                                            const Names& names) {
  std::string lines;
  for (const std::string& name : names) lines += message.id().str() + " " + name + "\n";
  std::lock_guard lock(mutex_);
  used_ = true;
  TRY(base::write_all(file_.fd(), lines, path_));
  TRY(base::sync(file_.fd(), path_));
  TRY(base::sync_directory(fs::path(path_).parent_path()));
  bool ended = ::access(message.name("-H").c_str(), F_OK) != 0;
  stranded_.push_back({base::Fd(::fcntl(message.d_fd(), F_DUPFD_CLOEXEC, 0)),
                       ended ? "" : message.name("-J"), names});
  return {};
}

void EmergencyJournal::settle() {
  std::lock_guard lock(mutex_);
  std::erase_if(stranded_, [](const Stranded& one) {
    return !one.journal.empty() && write_journal(one.journal, one.names);
  });
  used_ = !stranded_.empty();
  stranded_.clear();
}

base::Result<void> take_in_emergencies(const fs::path& directory,
                                       const std::string& queue,
                                       const spoolfmt::Spool& spool) {
  std::error_code error;
  std::vector<std::string> left;
  for (fs::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error))
    if (is_of(queue, at->path().filename())) left.push_back(at->path());
  for (const std::string& path : left) TRY(take_in_file(path, spool));
  return {};
}

}  // namespace qrunner
