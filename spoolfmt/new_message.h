// SPDX-License-Identifier: Apache-2.0
//
// A message on its way into the spool.
//
// The order that makes it durable: -D under its final name (O_EXCL) and locked, body,
// fsync; hdr.<id>, fsync, rename to <id>-H, fsync of the directory.  The message exists
// exactly when <id>-H does.  The blocking steps are separate calls so that a server can
// run them on a pool and batch the syncs of many messages.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/file_lock.h"
#include "base/result.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/spool.h"

namespace spoolfmt {

class NewMessage {
 public:
  // Makes and locks -D and writes its first line.  A clash of ids is Code::temporary:
  // the caller takes the next id.
  static base::Result<NewMessage> create(const Spool& spool, const MessageId& id);

  NewMessage(NewMessage&& other) noexcept;
  NewMessage& operator=(NewMessage&&) = delete;
  ~NewMessage();  // unless kept: message log, -H and -D are unlinked

  const MessageId& id() const { return id_; }
  std::filesystem::path path(std::string_view suffix) const;

  base::Result<void> write_body(std::string_view piece);
  // Makes the body durable.  Before commit, always.
  base::Result<void> sync_body();
  // Publishes -H: from here the message exists.  `file.id` must be id().
  base::Result<void> commit(const HFile& file);
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
        lock_(std::move(lock)) {}

  Spool spool_;
  MessageId id_;
  char subdirectory_;
  std::optional<base::FileLock> lock_;  // empty once moved from
  std::uint64_t body_size_ = 0;
  bool kept_ = false;
};

}  // namespace spoolfmt
