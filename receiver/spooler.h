// SPDX-License-Identifier: Apache-2.0
//
// Turns what a client says into a message in the spool, and says yes only when no power
// cut can take it away: -D synced, -H synced and renamed, directory synced, logged.
//
// One for all sessions of all loops.  Nothing touches the disk before a body outgrows
// its session's memory or is whole: a small message is one hand-over to the committer
// (committer.h), which makes many durable together.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "net/pool.h"
#include "receiver/committer.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/new_message.h"
#include "spoolfmt/spool.h"

namespace receiver {

namespace asio = boost::asio;

// A message that is coming in.  Unless it is kept, it vanishes with this object.
class Incoming {
 public:
  const spoolfmt::MessageId& id() const { return id_; }
  base::Time started() const { return started_; }
  const std::string& queue() const { return queue_; }

  // Where the body is, once something was written or stored.
  std::optional<std::filesystem::path> body_path() const;
  std::uint64_t body_size() const { return file_ ? file_->body_size() : 0; }

  // The acceptance has been told.
  void keep();

 private:
  friend class Spooler;
  Incoming(spoolfmt::MessageId id, base::Time started, std::string queue)
      : id_(id), started_(started), queue_(std::move(queue)) {}

  spoolfmt::MessageId id_;
  base::Time started_;
  std::string queue_;
  std::optional<spoolfmt::NewMessage> file_;  // -D, once there is one
};

class Spooler {
 public:
  // What it refers to must outlive it, and it must end before the loops it serves.
  Spooler(spoolfmt::Spool spool, spoolfmt::IdScheme ids, base::MainLog& log,
          const base::Clock& clock, net::Pool& pool);

  // Gives the message its id and its time, which is that of 354.  `queue` is the named
  // queue it goes to; nothing: the one of the spool.
  //
  // The id is unique over our threads and over the processes of this machine.  Only a
  // process that shares our number, in another pid namespace, or a clock that was put
  // back can have used it.  Then the -D cannot be made: write, store or commit fails
  // with Code::temporary, the client is told to come again, and the ids that follow are
  // far from those of the other process.
  Incoming begin(std::optional<std::string> queue = {});

  // The next piece of a body that has outgrown memory; it must stay until this returns.
  asio::awaitable<base::Result<void>> write(Incoming& message, std::string_view body);

  // The last piece: now the whole body is in -D, for others to see, not yet durable.
  asio::awaitable<base::Result<void>> store(Incoming& message, std::string_view rest);

  // All the rest, `rest` of the body included, up to the log line.  `file` is that of
  // message.id().  Afterwards the client may be told, and then keep() is due.  Codes as
  // the disk gave them; nothing is retried, and whatever failed vanishes with
  // `message`.
  asio::awaitable<base::Result<void>> commit(Incoming& message, spoolfmt::HFile file,
                                             std::string_view rest, LogLines lines);

  // How many sessions wait for one of these now.  From any thread.
  unsigned waiting() const { return waiting_->load(std::memory_order_relaxed); }

 private:
  base::Result<void> append(Incoming& message, std::string_view body);
  base::Result<const spoolfmt::Spool*> spool_of(const std::string& queue);
  void note_clash(const base::Result<void>& result);

  spoolfmt::Spool spool_;
  const base::Clock& clock_;
  net::Pool& pool_;
  spoolfmt::MessageIdSource ids_;
  // Shared with tasks that wait, for their loop may outlive us with them on it.
  const std::shared_ptr<std::atomic<unsigned>> waiting_ =
      std::make_shared<std::atomic<unsigned>>(0);
  std::mutex mutex_;
  std::map<std::string, spoolfmt::Spool, std::less<>> queues_;  // other than spool_'s
  Committer committer_;
};

}  // namespace receiver
