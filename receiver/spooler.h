// SPDX-License-Identifier: Apache-2.0
//
// Turns what a client says into a message in the spool, and says yes only when no power
// cut can take it away: -D synced, -H synced and renamed, directory synced, logged.
//
// One for all sessions of all loops.  Whatever touches the disk runs on the pool, so
// that one session's sync is not another's wait and the file system can commit many in
// one go.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "net/pool.h"
#include "receiver/content.h"
#include "receiver/received_header.h"
#include "spoolfmt/message_id.h"
#include "spoolfmt/new_message.h"
#include "spoolfmt/spool.h"

namespace receiver {

namespace asio = boost::asio;

// A message that is coming in.  Until file.keep() it vanishes with this object.
struct Incoming {
  spoolfmt::NewMessage file;
  base::Time started;
};

class Spooler {
 public:
  struct Options {
    std::string hostname;
    spoolfmt::IdScheme ids;
    bool message_logs = true;
  };

  // What it refers to must outlive it.
  Spooler(spoolfmt::Spool spool, Options options, base::MainLog& log,
          const base::Clock& clock, net::Pool& pool);

  // Makes and locks -D: done before 354, so that the time of the id is that time.
  asio::awaitable<base::Result<Incoming>> begin();

  // The next piece of the body; it must stay until this returns.
  asio::awaitable<base::Result<void>> write(Incoming& message, std::string_view body);

  // All the rest, up to the log line.  Afterwards the client may be told, and then
  // keep() is due.  Codes as the disk gave them; nothing is retried.
  asio::awaitable<base::Result<void>> commit(Incoming& message, const Client& client,
                                             const Envelope& envelope,
                                             const Content& content);

 private:
  base::Result<Incoming> create();
  base::Result<void> publish(Incoming& message, const Client& client,
                             const Envelope& envelope, const Content& content);
  spoolfmt::HFile make_h_file(const Incoming& message, const Client& client,
                              const Envelope& envelope, const Content& content,
                              base::Time complete) const;

  spoolfmt::Spool spool_;
  Options options_;
  base::MainLog& log_;
  const base::Clock& clock_;
  net::Pool& pool_;
  spoolfmt::MessageIdSource ids_;
  std::string login_;
};

// The S= of an arrival: what the message will be on the wire, less its CRs.  As Exim
// counts, with a byte too many for each digit of a header line's length beyond three.
std::uint64_t logged_size(const spoolfmt::HFile& file, std::uint64_t body_size);

}  // namespace receiver
