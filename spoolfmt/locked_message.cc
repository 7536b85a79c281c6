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

// Unlinks, and takes a file that is gone already for success.
base::Result<void> unlink_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return base::system_failure(path.string(), errno);
  return {};
}

// Is the open file still the one its path names?  Its former owner may have finished
// the message between our open and our lock.
base::Result<void> check_still_there(int fd, const std::filesystem::path& path) {
  struct stat opened{};
  struct stat named{};
  if (::fstat(fd, &opened) != 0) return base::system_failure(path.string(), errno);
  if (opened.st_nlink == 0 || ::lstat(path.c_str(), &named) != 0 ||
      named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)
    return base::fail(base::Code::not_found,
                      path.string() + ": finished by another process meanwhile");
  return {};
}

}  // namespace

base::Result<LockedMessage> LockedMessage::lock(const Spool& spool,
                                                const MessageId& id) {
  char subdirectory = TRY(spool.locate(id, "-D"));
  auto path = spool.input(subdirectory) / (id.str() + "-D");
  base::Fd fd = TRY(base::open_file(path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0)
    return base::system_failure(path.string(), errno);
  if (!S_ISREG(status.st_mode))
    return base::fail(base::Code::permanent, path.string() + ": not a regular file");
  auto lock = base::FileLock::acquire(
      std::move(fd), static_cast<off_t>(id.first_line_length()), id.str());
  if (!lock) return std::unexpected(lock.error());
  TRY(check_still_there(lock->fd(), path));
  return LockedMessage(spool, id, subdirectory, std::move(*lock));
}

std::filesystem::path LockedMessage::path(std::string_view suffix) const {
  return spool_.input(subdirectory_) / (id_.str() + std::string(suffix));
}

std::filesystem::path LockedMessage::msglog_path() const {
  return spool_.msglog(subdirectory_) / id_.str();
}

base::Result<HFile> LockedMessage::read_h() const {
  auto h = path("-H");
  auto text = TRY(base::read_file(h));
  auto file = parse_h_file(text, h.filename().string());
  if (!file) return std::unexpected(base::at(h.string(), file.error()));
  return file;
}

base::Result<bool> LockedMessage::recover_journal(HFile& file) const {
  auto journal = path("-J");
  auto fd = base::open_file(journal, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) {
    if (fd.error().code == base::Code::not_found) return false;
    return std::unexpected(fd.error());
  }
  auto text = TRY(base::read_all(fd->get(), journal.string(), std::size_t{1} << 30));
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
  return publish_h_file(spool_.input(subdirectory_), file);
}

base::Result<void> LockedMessage::remove(bool preserve_log) const {
  TRY(remove_but_journal(preserve_log));
  return remove_journal();
}

base::Result<void> LockedMessage::remove_but_journal(bool preserve_log) const {
  if (preserve_log) {
    auto old = spool_.msglog().parent_path() / "msglog.OLD";
    TRY(make_directory(old));
    ::rename(msglog_path().c_str(),
             (old / id_.str()).c_str());  // none: nothing to keep
  } else {
    TRY(unlink_file(msglog_path()));
  }
  TRY(unlink_file(path("-D")));
  return unlink_file(path("-H"));
}

base::Result<void> LockedMessage::remove_journal() const {
  return unlink_file(path("-J"));
}

void LockedMessage::log(std::string_view line, base::Time now) const {
  append_message_log(spool_, subdirectory_, id_, line, now);
}

}  // namespace spoolfmt
