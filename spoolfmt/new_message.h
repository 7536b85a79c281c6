// SPDX-License-Identifier: Apache-2.0
//
// A message on its way into the spool.
//
// The order that makes it durable: -D under its final name (O_EXCL) and locked, body;
// hdr.<id>; fsync of both, rename to <id>-H, fsync of the directory.  The message
// exists exactly when <id>-H does, and that is never before its -D is durable.
//
// commit() does all of it.  A server that takes many messages at a time does each step
// for all of them: prepare, the syncs, publish, and one base::sync_directory.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/file_lock.h"
#include "base/result.h"
#include "base/safe_file.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/spool.h"

namespace spoolfmt {

class NewMessage {
 public:
  // Makes and locks -D and writes its first line and the beginning of the body.  A
  // clash of ids is Code::temporary: the caller takes the next id.
  static base::Result<NewMessage> create(const Spool& spool, const MessageId& id,
                                         std::string_view body = {});

  NewMessage(NewMessage&& other) noexcept;
  NewMessage& operator=(NewMessage&&) = delete;
  ~NewMessage();  // unless kept: all its files are unlinked

  const MessageId& id() const { return id_; }
  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path path(std::string_view suffix) const;

  base::Result<void> write_body(std::string_view piece);

  // Durable, when this returns.  `file.id` must be id().
  base::Result<void> commit(const HFile& file);

  // The steps of commit.  The body is whole by now; nothing is durable yet.
  base::Result<void> prepare(const HFile& file);
  // Asks the disk to begin with the bytes, and waits until it has them.  When that was
  // done for many, one commit of the file system makes the syncs of all of them; else
  // those that are late need another.
  void begin_writing();
  base::Result<void> await_writing();
  base::Result<void> sync_body();
  base::Result<void> sync_header();
  // Makes the -H.  The message exists when the directory was synced.
  base::Result<void> publish();

  // The acceptance has been told: the destructor only unlocks.
  void keep() { kept_ = true; }

  // append_message_log of this message.
  void log(std::string_view line, base::Time now) const;

  std::uint64_t body_size() const { return body_size_; }

 private:
  NewMessage(Spool spool, MessageId id, char subdirectory, base::FileLock lock)
      : spool_(std::move(spool)),
        id_(id),
        subdirectory_(subdirectory),
        directory_(spool_.input(subdirectory)),
        lock_(std::move(lock)) {}

  Spool spool_;
  MessageId id_;
  char subdirectory_;
  std::filesystem::path directory_;
  std::optional<base::FileLock> lock_;    // empty once moved from
  std::optional<base::SafeFile> h_file_;  // prepared, not published
  std::uint64_t body_size_ = 0;
  bool kept_ = false;
};

}  // namespace spoolfmt
