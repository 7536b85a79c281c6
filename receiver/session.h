// SPDX-License-Identifier: Apache-2.0
//
// One SMTP conversation, seen from the server: RFC 5321 section 3.
//
// Is a line a command?  smtp::parse_command.  May it come now?  smtp::Dialogue.  What
// becomes of the message?  Spooler.  What is left for this file is waiting: for lines,
// for content, and for the moment to speak, since replies to pipelined commands leave
// in one write (RFC 2920 section 3.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/log.h"
#include "net/line_reader.h"
#include "net/stream.h"
#include "receiver/content.h"
#include "receiver/received_header.h"
#include "receiver/spooler.h"
#include "smtp/dialogue.h"

namespace receiver {

// What all sessions share and none changes.
struct Service {
  smtp::Offer offer;
  net::Span timeout;  // of every wait for the client
  Spooler& spooler;
  base::MainLog& log;
  const base::Clock& clock;
  bool message_logs = true;
};

class Session {
 public:
  // `service` must outlive the session.
  Session(net::Stream stream, const Service& service);

  // From the greeting to the goodbye.  A client that vanishes is logged; cancellation
  // is the only exception.
  asio::awaitable<void> run();

  // From another task of the same loop: no more transactions.  A client that is
  // between two is told at once and left.
  asio::awaitable<void> dismiss();

 private:
  asio::awaitable<void> converse();
  asio::awaitable<net::LineReader::Line> next_line();
  asio::awaitable<smtp::Reply> answer(net::LineReader::Line line);
  asio::awaitable<smtp::Reply> judge(const smtp::Command& command);
  asio::awaitable<void> receive_message();
  asio::awaitable<std::optional<base::Error>> read_content(Content& content);
  asio::awaitable<smtp::Reply> accept(const Content& content);
  asio::awaitable<void> lost_synchronisation(std::string line);
  asio::awaitable<void> end_of_client(boost::system::error_code how);
  asio::awaitable<void> leave();

  void say(const smtp::Reply& reply) { smtp::append_reply(unsent_, reply); }
  asio::awaitable<void> flush();

  smtp::Reply refuse(const Content& content, const smtp::Reply& why);
  smtp::Reply report(const base::Error& error);
  Client client() const;
  Envelope envelope() const;
  void log(std::string_view text) const;

  const Service& service_;
  net::Stream stream_;
  net::LineReader lines_;
  smtp::Dialogue dialogue_;
  std::string unsent_;
  std::optional<Incoming> incoming_;  // between DATA and the verdict
  bool idle_ = false;                 // waiting for a command, outside a transaction
  bool dismissed_ = false;
};

}  // namespace receiver
