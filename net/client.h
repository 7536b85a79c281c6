// SPDX-License-Identifier: Apache-2.0
//
// One connection to an SMTP or LMTP server, for any number of messages: RFC 5321
// section 3, STARTTLS (RFC 3207), AUTH (RFC 4954).
//
// Protocol state is smtp::Exchange; this file waits.  A connection that breaks is an
// everyday answer here, so it is a value: open() fails, and send() tells in its outcome
// how far the message had come.
//
// A message costs one round trip where the server pipelines and the caller names the
// next one: MAIL, RCPT and DATA of the next message leave in the same write as the dot
// (or the last chunk) of this one, and content flows while the caller still settles the
// one before:
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
//
// Postponed recipients (Outcome::postponed) are sent before the next message, which is
// not announced in that case.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"
#include "net/endpoint.h"
#include "net/event.h"
#include "net/stream.h"
#include "net/tls_client.h"
#include "smtp/exchange.h"

namespace net {

// RFC 5321 section 4.5.3.2, the least a client should wait.
struct ClientTimeouts {
  Span connect = std::chrono::minutes(5);
  Span greeting = std::chrono::minutes(5);
  Span command = std::chrono::minutes(5);  // EHLO, AUTH, a TLS handshake, MAIL, RCPT
  Span data_initiation = std::chrono::minutes(2);
  Span data_block = std::chrono::minutes(3);
  Span data_termination = std::chrono::minutes(10);
  Span quit = std::chrono::seconds(1);
};

// Whether to encrypt.  A server's policy is two questions: must it be encrypted, and
// (target.setting.verify) must it be who it says.
struct ClientTls {
  enum class Use : std::uint8_t { never, may, must } use = Use::never;
  TlsTarget target = {};
  TlsClientSessions* sessions = nullptr;  // unless never; outlives the client
  // A 4xx to STARTTLS is no reason to wait, but to go on in the clear; with `may`.
  bool tempfail_tryclear = true;
};

// AUTH PLAIN (RFC 4616) or LOGIN.
struct ClientLogin {
  std::string user, password;
  bool required = true;   // false: go on without, where it is not offered or refused
  bool in_clear = false;  // also where nothing is encrypted
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
  // The dot, or the end of the last chunk, waits until it opens; a small message whole.
  Event* gate = nullptr;
  // Every line ends in CRLF already, or BODY=BINARYMIME has none: chunks take the
  // pieces as they are.
  bool wire = false;
};

class Client {
 public:
  enum class Protocol : std::uint8_t { smtp, lmtp, smtps };  // smtps: TLS at once
  struct Options {
    Protocol protocol = Protocol::smtp;
    std::string helo_name = "localhost";
    ClientTimeouts timeouts = {};
    bool pipelining = true;  // false: never, whatever the server offers
    bool chunking = true;
    std::string bind = {};  // our address, numeric; "": the system's choice
    ClientTls tls = {};
    std::optional<ClientLogin> login = {};
  };

  // Connects (a path as the address is a unix socket), reads the greeting, says EHLO,
  // or HELO where EHLO is refused, and goes through STARTTLS and AUTH as `options` has
  // them.
  static asio::awaitable<std::expected<Client, smtp::Breakdown>> open(Endpoint to,
                                                                      Options options);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();  // closes, without QUIT

  // What counts: said under TLS if there is TLS, less what `options` forbid.
  const smtp::Capabilities& server() const;
  const smtp::Reply& greeting() const;
  const smtp::Reply& hello() const;  // the reply to EHLO or HELO
  const Endpoint& peer() const;
  const Endpoint& local() const;
  const TlsFacts* tls() const;               // null: in the clear
  const std::string& authenticated() const;  // "PLAIN", "LOGIN"; "": not

  // Sends one message.  `next`, if given, may be announced to the server together with
  // this message's dot; if announced() then tells so, the following call must send that
  // message, and both it and its envelope must stay where they are until then.  Never
  // throws but for cancellation.
  asio::awaitable<smtp::Outcome> send(Message message,
                                      const smtp::Envelope* next = nullptr);

  // Another message can be sent.  False after a lost connection, a 421, nonsense, or
  // as many as the server said it takes (MAILMAX).
  bool usable() const;
  // `next` of the last send() is on its way: nothing but send() or close may follow.
  bool announced() const;
  unsigned sent() const;  // messages that got as far as their dot

  // QUIT, waiting a moment for its answer; never throws but for cancellation.  Does
  // nothing on a connection that broke.
  asio::awaitable<void> quit();

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace net
