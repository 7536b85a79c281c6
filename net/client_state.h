// SPDX-License-Identifier: Apache-2.0
//
// What a Client is made of; for client.cc (messages) and client_opening.cc (all that
// comes before the first).
#pragma once

#include <array>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/system/system_error.hpp>

#include "net/client.h"
#include "smtp/breakdown.h"
#include "smtp/exchange.h"

namespace net {

// What breaks a conversation is a value; its `stage` is filled in where it is known.
// Only a stream that breaks throws, up to open() or send().
template <class T>
using Talk = std::expected<T, smtp::Breakdown>;

// A task that is told to stop does not ask what happened to its peer.
void rethrow_if_cancelled(const boost::system::system_error& thrown);
smtp::Breakdown lost_connection(const boost::system::system_error& thrown);

inline std::unexpected<smtp::Breakdown> refused(smtp::Reply reply) {
  return std::unexpected(smtp::Breakdown{.kind = smtp::Breakdown::Kind::refused,
                                         .reply = std::move(reply)});
}

class WireContent;

struct Client::State {
  State(Stream connected, Options chosen)
      : stream(std::move(connected)), options(std::move(chosen)) {}

  // For both files.
  asio::awaitable<Talk<smtp::Reply>> read_reply(Span timeout);
  asio::awaitable<Talk<smtp::Reply>> command(std::string text, Span timeout);

  // The opening.
  asio::awaitable<Talk<void>> introduce();
  asio::awaitable<Talk<void>> say_hello();
  asio::awaitable<Talk<void>> start_tls();
  asio::awaitable<Talk<void>> encrypt();
  asio::awaitable<Talk<void>> log_in();
  asio::awaitable<Talk<smtp::Reply>> authenticate(std::string_view mechanism);

  // A message.
  asio::awaitable<Talk<void>> transact(smtp::Exchange& exchange, Message& message,
                                       const smtp::Envelope* next);
  asio::awaitable<Talk<void>> send_commands(smtp::Exchange& exchange);
  asio::awaitable<Talk<void>> take_reply(smtp::Exchange& exchange);
  asio::awaitable<Talk<void>> send_content(smtp::Exchange& exchange, Message& message,
                                           WireContent& content,
                                           const smtp::Envelope* next);
  asio::awaitable<Talk<void>> send_chunk(smtp::Exchange& exchange, Message& message,
                                         WireContent& content,
                                         const smtp::Envelope* next);
  asio::awaitable<void> hold_back(Event* gate, std::size_t octets);
  asio::awaitable<void> hear_last_words(smtp::Exchange& exchange);
  void announce(const smtp::Exchange& exchange, const smtp::Envelope* next);
  Span patience(const smtp::Exchange& exchange) const;

  bool takes_more() const {
    return server.limits.mails == 0 || mails < server.limits.mails;
  }

  Stream stream;
  Options options;
  smtp::ReplyParser parser;
  std::array<char, 4096> input;
  std::string_view unread;  // of input
  std::string output;

  std::string stage = "initial connection";  // of the opening
  smtp::Capabilities server;
  smtp::Reply greeting;
  smtp::Reply hello;
  std::optional<smtp::Reply> ehlo_refusal;
  std::optional<TlsFacts> tls;
  std::string authenticated;

  bool alive = true;
  bool reset_first = false;
  bool reset_pending = false;  // its reply comes before those of the exchange
  unsigned mails = 0;          // transactions begun
  unsigned sent = 0;
  std::uint64_t written = 0;  // octets of the current content
  const smtp::Envelope* announced_envelope = nullptr;
  std::optional<smtp::Exchange> announced;
};

}  // namespace net
