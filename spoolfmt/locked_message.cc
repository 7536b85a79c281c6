// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/locked_message.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "spoolfmt/journal.h"
#include "spoolfmt/message_log.h"

namespace spoolfmt {

namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 30;  // -H or -J

// Unlinks, and takes a file that is gone already for success.
base::Result<void> unlink_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return base::system_failure(path, errno);
  return {};
}

struct Opened {
  base::Fd fd;
  char subdirectory;
  std::string path;
};

// -D, wherever it is; without waiting for who would write into a fifo of its name.
base::Result<Opened> open_d(const Spool& spool, const MessageId& id) {
  constexpr int kFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOATIME;
  for (char subdirectory : spool.places_of(id)) {
    auto path = spool.file_name(subdirectory, id, "-D");
    auto fd = base::open_at(AT_FDCWD, path, kFlags);
    if (fd) return Opened{std::move(*fd), subdirectory, std::move(path)};
    if (fd.error().code != base::Code::not_found) return std::unexpected(fd.error());
  }
  return base::fail(base::Code::not_found, id.str() + "-D: no such file in this queue");
}

// The size of the open file, if it is still the one its path names: its former owner
// may have finished the message between our open and our lock.
base::Result<std::uint64_t> size_of_locked(int fd, const std::string& path) {
  struct stat opened{};
  struct stat named{};
  if (::fstat(fd, &opened) != 0) return base::system_failure(path, errno);
  if (!S_ISREG(opened.st_mode))
    return base::fail(base::Code::permanent, path + ": not a regular file");
  if (opened.st_nlink == 0 || ::lstat(path.c_str(), &named) != 0 ||
      named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)
    return base::fail(base::Code::not_found,
                      path + ": finished by another process meanwhile");
  return static_cast<std::uint64_t>(opened.st_size);
}

}  // namespace

base::Result<LockedMessage> LockedMessage::lock(const Spool& spool,
                                                const MessageId& id) {
  Opened d = TRY(open_d(spool, id));
  auto lock = base::FileLock::acquire(
      std::move(d.fd), static_cast<off_t>(id.first_line_length()), id.str());
  if (!lock) return std::unexpected(lock.error());
  auto size = TRY(size_of_locked(lock->fd(), d.path));
  return LockedMessage(spool, id, d.subdirectory, std::move(*lock), size);
}

std::filesystem::path LockedMessage::path(std::string_view suffix) const {
  return name(suffix);
}

std::string LockedMessage::name(std::string_view suffix) const {
  return spool_->file_name(subdirectory_, id_, suffix);
}

std::string LockedMessage::msglog_name() const {
  return spool_->message_log_name(subdirectory_, id_);
}

base::Result<HFile> LockedMessage::read_h() const {
  auto h = name("-H");
  base::Fd fd = TRY(base::open_at(AT_FDCWD, h, O_RDONLY | O_NONBLOCK | O_NOATIME));
  auto text = TRY(base::read_all(fd.get(), h, kLargestFile));
  auto file = parse_h_file(text, id_.str() + "-H");
  if (!file) return std::unexpected(base::at(h, file.error()));
  return file;
}

base::Result<bool> LockedMessage::recover_journal(HFile& file) const {
  auto journal = name("-J");
  auto fd = base::open_at(AT_FDCWD, journal, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) {
    if (fd.error().code == base::Code::not_found) return false;
    return std::unexpected(fd.error());
  }
  auto text = TRY(base::read_all(fd->get(), journal, kLargestFile));
  std::vector<std::string> names;
  for (std::string_view name : parse_journal(text)) {
    if (name.empty()) continue;
    names.emplace_back(name);
    for (const Recipient& recipient : file.recipients)
      if (recipient.address != name && unique_form(recipient.address) == name)
        names.push_back(recipient.address);
  }
  file.mark_delivered(names);
  TRY(publish(file));
  return true;
}

base::Result<void> LockedMessage::publish(const HFile& file) const {
  return publish_h_file(spool_->input(subdirectory_), file);
}

base::Result<void> LockedMessage::remove(bool preserve_log) const {
  TRY(remove_but_journal(preserve_log));
  return remove_journal();
}

base::Result<void> LockedMessage::remove_but_journal(bool preserve_log) const {
  TRY(remove_log(preserve_log));
  TRY(unlink_file(name("-D")));
  return unlink_file(name("-H"));
}

base::Result<void> LockedMessage::remove_log(bool preserve) const {
  if (!preserve) return unlink_file(msglog_name());
  auto old = spool_->msglog().parent_path() / "msglog.OLD";
  TRY(make_directory(old));
  // None: nothing to keep.
  ::rename(msglog_name().c_str(), (old / id_.str()).c_str());
  return {};
}

base::Result<void> LockedMessage::remove_journal() const {
  return unlink_file(name("-J"));
}

void LockedMessage::log(std::string_view line, base::Time now) const {
  append_message_log(*spool_, subdirectory_, id_, line, now);
}

}  // namespace spoolfmt
