// SPDX-License-Identifier: Apache-2.0
//
// One SMTP connection to a server, for any number of messages: RFC 5321 section 3.
//
// Protocol state is smtp::Exchange; this file waits.  A connection that breaks is an
// everyday answer here, so it is a value: open() fails, and send() tells in its outcome
// how far the message had come.
//
// A message costs one round trip where the server pipelines and the caller names the
// next one: MAIL, RCPT and DATA of the next message leave in the same write as the dot
// of this one, and content flows while the caller still settles the one before:
//
//   const Leg* leg = next_leg();
//   while (leg) {
//     const Leg* following = next_leg();
//     smtp::Outcome outcome = co_await client.send(
//         {leg->envelope, leg->content(), &settled}, following ? &following->envelope :
//         nullptr);
//     settled.shut();        // opened again when the journal is on disk
//     settle(outcome);       // goes on in another task
//     if (!client.usable()) break;
//     leg = following;
//   }
//   co_await client.quit();
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/endpoint.h"
#include "net/event.h"
#include "net/stream.h"
#include "smtp/exchange.h"

namespace net {

// RFC 5321 section 4.5.3.2, the least a client should wait.
struct ClientTimeouts {
  Span connect = std::chrono::minutes(5);
  Span greeting = std::chrono::minutes(5);
  Span command = std::chrono::minutes(5);  // EHLO, MAIL, RCPT, RSET
  Span data_initiation = std::chrono::minutes(2);
  Span data_block = std::chrono::minutes(3);
  Span data_termination = std::chrono::minutes(10);
  Span quit = std::chrono::seconds(1);
};

// The next piece of a message's content, empty at its end; a piece stays until the next
// call.  Pieces are not on the wire yet: LF or CRLF line ends, dots undone.  An error
// ends the connection without a dot.
using Content = std::function<base::Result<std::string_view>()>;

// Content that lies in memory whole; `bytes` must stay.
Content content_of(std::string_view bytes);

// One message to send.
struct Message {
  const smtp::Envelope& envelope;
  Content content;
  Event* gate = nullptr;  // the dot is held back until this is open
};

class Client {
 public:
  struct Options {
    std::string helo_name = "localhost";
    ClientTimeouts timeouts = {};
    bool pipelining = true;  // false: never, whatever the server offers
  };

  // Connects, reads the greeting, says EHLO, or HELO where EHLO is refused.  The error
  // carries the server's words: Code::permanent for 5xx, temporary for all else.
  static asio::awaitable<base::Result<Client>> open(Endpoint to, Options options);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  // closes, without QUIT

  const smtp::Capabilities& server() const;
  const smtp::Reply& hello() const;  // the reply to EHLO or HELO
  const Endpoint& peer() const;
  const Endpoint& local() const;

  // Sends one message.  `next`, if given, may be announced to the server together with
  // this message's dot; then the following call must send that message, and both it and
  // its envelope must stay where they are until then.  Never throws but for
  // cancellation.
  asio::awaitable<smtp::Outcome> send(Message message,
                                      const smtp::Envelope* next = nullptr);

  // Another message can be sent.  False after a lost connection, a 421, or nonsense.
  bool usable() const;
  // `next` of the last send() is on its way: nothing but send() or close may follow.
  bool announced() const;
  unsigned sent() const;  // messages that got as far as their dot

  // QUIT, waiting a moment for its answer; never throws but for cancellation.
  asio::awaitable<void> quit();

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace net
