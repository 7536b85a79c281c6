// SPDX-License-Identifier: Apache-2.0
#include "net/client.h"

#include <array>
#include <cassert>
#include <optional>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "smtp/body.h"

namespace net {

using boost::system::system_error;
using smtp::Exchange;
using smtp::Reply;

namespace {

constexpr std::size_t kBlock = 65536;  // content is written in such pieces

// A task that is told to stop does not ask what happened to its peer.
void rethrow_if_cancelled(const system_error& thrown) {
  if (thrown.code() == boost::asio::error::operation_aborted) throw thrown;
}

base::Error lost_connection(const system_error& thrown) {
  if (thrown.code() == boost::asio::error::eof)
    return {base::Code::temporary, "connection closed by the server"};
  return {base::Code::temporary, thrown.code().message()};
}

base::Error refused(const Reply& reply) {
  return {reply.permanent() ? base::Code::permanent : base::Code::temporary,
          smtp::reply_for_log(reply)};
}

}  // namespace

struct Client::State {
  State(Stream connected, Options chosen)
      : stream(std::move(connected)), options(std::move(chosen)) {}

  asio::awaitable<base::Result<Reply>> read_reply(Span timeout);
  asio::awaitable<base::Result<Reply>> command(std::string text, Span timeout);
  asio::awaitable<base::Result<void>> greet();

  asio::awaitable<base::Result<void>> transact(Exchange& exchange, Message& message,
                                               const smtp::Envelope* next);
  asio::awaitable<base::Result<void>> send_commands(Exchange& exchange);
  asio::awaitable<base::Result<void>> take_reply(Exchange& exchange,
                                                 const smtp::Envelope& envelope);
  asio::awaitable<base::Result<void>> send_content(Exchange& exchange, Message& message,
                                                   const smtp::Envelope* next);
  void announce(const smtp::Envelope& next);
  Span reply_timeout(const smtp::Outcome& outcome, std::size_t recipients) const;

  Stream stream;
  Options options;
  smtp::ReplyParser parser;
  std::array<char, 4096> input;
  std::string_view unread;  // of input
  std::string output;
  smtp::Capabilities server;
  Reply hello;
  bool usable = true;
  bool reset_first = false;
  bool reset_pending = false;  // its reply comes before those of the exchange
  unsigned sent = 0;
  const smtp::Envelope* announced_envelope = nullptr;
  std::optional<Exchange> announced;
};

Content content_of(std::string_view bytes) {
  return [bytes]() mutable -> base::Result<std::string_view> {
    return std::exchange(bytes, {});
  };
}

asio::awaitable<base::Result<Reply>> Client::State::read_reply(Span timeout) {
  while (true) {
    base::Result<std::optional<Reply>> reply = parser.feed(unread);
    if (!reply) co_return std::unexpected(reply.error());
    if (*reply) co_return std::move(**reply);
    std::size_t count = co_await stream.read_some(input, timeout);
    unread = std::string_view(input.data(), count);
  }
}

asio::awaitable<base::Result<Reply>> Client::State::command(std::string text,
                                                            Span timeout) {
  text += "\r\n";
  co_await stream.write(text, timeout);
  base::Result<Reply> reply = co_await read_reply(timeout);
  co_return reply;
}

// RFC 5321 section 3.2: EHLO, and HELO for servers that do not know it.
asio::awaitable<base::Result<void>> Client::State::greet() {
  base::Result<Reply> greeting = co_await read_reply(options.timeouts.greeting);
  if (!greeting) co_return std::unexpected(greeting.error());
  if (greeting->code != 220) co_return std::unexpected(refused(*greeting));
  const Span timeout = options.timeouts.command;
  base::Result<Reply> reply = co_await command("EHLO " + options.helo_name, timeout);
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->completed()) {
    server = smtp::parse_ehlo_reply(*reply);
    server.pipelining = server.pipelining && options.pipelining;
  } else if (reply->permanent()) {
    reply = co_await command("HELO " + options.helo_name, timeout);
    if (!reply) co_return std::unexpected(reply.error());
  }
  if (!reply->completed()) co_return std::unexpected(refused(*reply));
  hello = std::move(*reply);
  co_return base::Result<void>();
}

asio::awaitable<base::Result<Client>> Client::open(Endpoint to, Options options) {
  base::Result<void> greeted;
  std::unique_ptr<State> state;
  try {
    Stream stream = co_await Stream::connect(to, options.timeouts.connect);
    state = std::make_unique<State>(std::move(stream), std::move(options));
    greeted = co_await state->greet();
  } catch (const system_error& thrown) {
    rethrow_if_cancelled(thrown);
    greeted = std::unexpected(lost_connection(thrown));
  }
  if (!greeted)
    co_return std::unexpected(base::at(format_endpoint(to), greeted.error()));
  co_return Client(std::move(state));
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

const smtp::Capabilities& Client::server() const {
  return state_->server;
}

const Reply& Client::hello() const {
  return state_->hello;
}

const Endpoint& Client::peer() const {
  return state_->stream.peer();
}

const Endpoint& Client::local() const {
  return state_->stream.local();
}

bool Client::usable() const {
  return state_->usable;
}

bool Client::announced() const {
  return state_->announced.has_value();
}

unsigned Client::sent() const {
  return state_->sent;
}

Span Client::State::reply_timeout(const smtp::Outcome& outcome,
                                  std::size_t recipients) const {
  if (outcome.dot_sent) return options.timeouts.data_termination;
  if (outcome.recipients.size() == recipients) return options.timeouts.data_initiation;
  return options.timeouts.command;
}

asio::awaitable<base::Result<void>> Client::State::send_commands(Exchange& exchange) {
  output.clear();
  if (reset_first) {
    reset_first = false;
    if (server.pipelining) {
      output = "RSET\r\n";
      reset_pending = true;
    } else {
      base::Result<Reply> reply = co_await command("RSET", options.timeouts.command);
      if (!reply) co_return std::unexpected(reply.error());
      if (!reply->completed()) co_return std::unexpected(refused(*reply));
    }
  }
  exchange.append_commands(output);
  co_await stream.write(output, options.timeouts.command);
  co_return base::Result<void>();
}

asio::awaitable<base::Result<void>> Client::State::take_reply(
    Exchange& exchange, const smtp::Envelope& envelope) {
  Span timeout = reply_timeout(exchange.outcome(), envelope.recipients.size());
  base::Result<Reply> reply = co_await read_reply(timeout);
  if (!reply) co_return std::unexpected(reply.error());
  const bool hangs_up = reply->code == 421;
  if (hangs_up) usable = false;
  if (std::exchange(reset_pending, false)) {
    if (!reply->completed()) co_return std::unexpected(refused(*reply));
    co_return base::Result<void>();
  }
  std::optional<base::Error> farewell;
  if (hangs_up) farewell = refused(*reply);
  base::Result<void> taken = exchange.take(std::move(*reply));
  if (taken && farewell && !exchange.outcome().end) taken = std::unexpected(*farewell);
  co_return taken;
}

void Client::State::announce(const smtp::Envelope& next) {
  announced.emplace(server, next);
  announced_envelope = &next;
  announced->append_commands(output);
}

// Content flows at once, but its dot waits for the gate.
asio::awaitable<base::Result<void>> Client::State::send_content(
    Exchange& exchange, Message& message, const smtp::Envelope* next) {
  const Span timeout = options.timeouts.data_block;
  output.clear();
  if (!exchange.nobody_accepted()) {
    smtp::DotWriter writer;
    while (true) {
      base::Result<std::string_view> piece = message.content();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) break;
      writer.write(*piece, output);
      if (output.size() < kBlock) continue;
      co_await stream.write(output, timeout);
      output.clear();
    }
    writer.finish(output);
    if (message.gate && !message.gate->is_open()) {
      co_await stream.write(output, timeout);
      output.clear();
      co_await message.gate->wait();
    }
  }
  output += smtp::DotWriter::kEnd;
  if (next && server.pipelining) announce(*next);
  exchange.dot_sent();  // before the write: a part of it may be enough for the server
  ++sent;
  co_await stream.write(output, timeout);
  co_return base::Result<void>();
}

asio::awaitable<base::Result<void>> Client::State::transact(
    Exchange& exchange, Message& message, const smtp::Envelope* next) {
  while (true) {
    base::Result<void> done;
    switch (exchange.next()) {
      case Exchange::Step::commands:
        done = co_await send_commands(exchange);
        break;
      case Exchange::Step::reply:
        done = co_await take_reply(exchange, message.envelope);
        break;
      case Exchange::Step::content:
        done = co_await send_content(exchange, message, next);
        break;
      case Exchange::Step::finished:
        co_return base::Result<void>();
    }
    if (!done) co_return done;
  }
}

asio::awaitable<smtp::Outcome> Client::send(Message message,
                                            const smtp::Envelope* next) {
  State& state = *state_;
  smtp::Outcome nothing;
  base::Result<void> sendable = Exchange::check(message.envelope);
  if (sendable && !state.usable)
    sendable = base::fail(base::Code::temporary, "the connection is lost already");
  if (!sendable) {
    nothing.lost = sendable.error();
    co_return nothing;
  }
  assert(!state.announced || state.announced_envelope == &message.envelope);
  std::optional<Exchange> exchange = std::exchange(state.announced, std::nullopt);
  if (!exchange) exchange.emplace(state.server, message.envelope);
  base::Result<void> done;
  try {
    done = co_await state.transact(*exchange, message, next);
  } catch (const system_error& thrown) {
    rethrow_if_cancelled(thrown);
    done = std::unexpected(lost_connection(thrown));
  }
  smtp::Outcome& outcome = exchange->outcome();
  if (!done) {
    state.usable = false;
    outcome.lost = base::at(format_endpoint(peer()), done.error());
  }
  state.reset_first = exchange->needs_reset();
  if (!state.usable) {
    state.announced.reset();
    state.stream.close();
  }
  co_return std::move(outcome);
}

asio::awaitable<void> Client::quit() {
  State& state = *state_;
  if (!state.usable || state.announced) {
    state.stream.close();
    co_return;
  }
  state.usable = false;
  try {
    base::Result<Reply> ignored =
        co_await state.command("QUIT", state.options.timeouts.quit);
    (void)ignored;
  } catch (const system_error& thrown) {
    rethrow_if_cancelled(thrown);
  }
  state.stream.close();
}

}  // namespace net
