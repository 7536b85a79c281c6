// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/new_message.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "spoolfmt/d_file.h"
#include "spoolfmt/message_log.h"

namespace spoolfmt {

base::Result<NewMessage> NewMessage::create(const Spool& spool, const MessageId& id,
                                            std::string_view body) {
  char subdirectory = spool.subdirectory_for(id);
  auto path = spool.input(subdirectory) / (id.str() + "-D");
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto fd = base::open_file(path, kFlags);
  if (!fd && fd.error().code == base::Code::not_found) {
    TRY(make_directory(path.parent_path()));
    fd = base::open_file(path, kFlags);
  }
  if (!fd) {
    if (errno == EEXIST)
      return base::fail(base::Code::temporary, path.string() + ": this id is in use");
    return std::unexpected(fd.error());
  }
  int number = fd->get();
  auto lock = base::FileLock::acquire(
      std::move(*fd), static_cast<off_t>(id.first_line_length()), id.str());
  if (!lock) {
    ::unlink(path.c_str());
    return std::unexpected(lock.error());
  }
  NewMessage message(spool, id, subdirectory, std::move(*lock));
  TRY(settle_file(number, path));
  TRY(base::write_all(number, d_first_line(id), body, path.string()));
  message.body_size_ = body.size();
  return message;
}

// An optional that was moved from is not empty, and the destructor must not clean up
// twice.
NewMessage::NewMessage(NewMessage&& other) noexcept
    : spool_(std::move(other.spool_)),
      id_(other.id_),
      subdirectory_(other.subdirectory_),
      directory_(std::move(other.directory_)),
      lock_(std::exchange(other.lock_, std::nullopt)),
      h_file_(std::move(other.h_file_)),
      body_size_(other.body_size_),
      kept_(other.kept_) {}

NewMessage::~NewMessage() {
  if (!lock_ || kept_) return;
  // Nobody was told of this message.  -D goes first, as in Exim: a crash in between
  // leaves an -H that can be seen and removed, never a body that nothing names.
  ::unlink(path("-D").c_str());
  ::unlink(path("-H").c_str());
  ::unlink((spool_.msglog(subdirectory_) / id_.str()).c_str());
}

std::filesystem::path NewMessage::path(std::string_view suffix) const {
  return directory_ / (id_.str() + std::string(suffix));
}

base::Result<void> NewMessage::write_body(std::string_view piece) {
  TRY(base::write_all(lock_->fd(), piece, path("-D").string()));
  body_size_ += piece.size();
  return {};
}

base::Result<void> NewMessage::commit(const HFile& file) {
  TRY(prepare(file));
  TRY(sync_body());
  TRY(sync_header());
  TRY(publish());
  return base::sync_directory(directory_);
}

base::Result<void> NewMessage::prepare(const HFile& file) {
  h_file_.emplace(TRY(prepare_h_file(directory_, file)));
  return {};
}

// What does not begin now begins with the wait, so an error means nothing yet.
void NewMessage::begin_writing() {
  for (int fd : {lock_->fd(), h_file_->fd()})
    (void)::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

// The kernel tells of a failed write once: here, and then a sync says nothing of it.
base::Result<void> NewMessage::await_writing() {
  constexpr unsigned kAll =
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  for (int fd : {lock_->fd(), h_file_->fd()}) {
    if (::sync_file_range(fd, 0, 0, kAll) == 0 || errno == ENOSYS) continue;
    return base::system_failure(path(fd == lock_->fd() ? "-D" : "-H").string(), errno);
  }
  return {};
}

base::Result<void> NewMessage::sync_body() {
  return base::sync(lock_->fd(), path("-D").string());
}

base::Result<void> NewMessage::sync_header() {
  return h_file_->sync();
}

base::Result<void> NewMessage::publish() {
  return h_file_->rename_to(path("-H"));
}

void NewMessage::log(std::string_view line, base::Time now) const {
  append_message_log(spool_, subdirectory_, id_, line, now);
}

}  // namespace spoolfmt
