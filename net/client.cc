// SPDX-License-Identifier: Apache-2.0
#include "net/client.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <optional>
#include <utility>

#include <boost/asio/error.hpp>

#include "net/client_state.h"
#include "smtp/body.h"

namespace net {

using boost::system::system_error;
using smtp::Breakdown;
using smtp::Exchange;
using smtp::Reply;
using Kind = Breakdown::Kind;

namespace {

constexpr std::size_t kBlock = 65536;   // content is written in such pieces
constexpr std::size_t kChunk = 131072;  // or these, and a piece of the caller's
// What the last write of a chunk is, when all else of it was sent already.
constexpr std::size_t kHeldBack = 2;
// What TCP sends without waiting for the peer: ten segments (RFC 6928).
constexpr std::size_t kOneFlight = 14600;
constexpr Span kLastWords = std::chrono::seconds(1);

std::unexpected<Breakdown> failure(Kind kind, std::string detail) {
  return std::unexpected(Breakdown{.kind = kind, .detail = std::move(detail)});
}

}  // namespace

void rethrow_if_cancelled(const system_error& thrown) {
  if (thrown.code() == asio::error::operation_aborted) throw thrown;
}

Breakdown lost_connection(const system_error& thrown) {
  const auto& code = thrown.code();
  Breakdown why{.kind = Kind::failed, .detail = code.message()};
  if (code == asio::error::eof)
    why.kind = Kind::closed;
  else
    why.system_error = code.value();
  if (code == asio::error::connection_reset || code == asio::error::broken_pipe)
    why.kind = Kind::closed;
  if (code == asio::error::timed_out) {
    why.kind = Kind::timeout;
    why.system_error = ETIMEDOUT;
  }
  return why;
}

Content content_of(std::string_view bytes) {
  return [bytes]() mutable -> base::Result<std::string_view> {
    return std::exchange(bytes, {});
  };
}

// A message's content as it goes over the wire.
class WireContent {
 public:
  enum class Form : std::uint8_t { dots, lines, as_it_is };
  WireContent(Content& pieces, Form form)
      : pieces_(pieces), form_(form), writer_(form == Form::dots) {}

  // Appends octets until `out` has `size` of them or more; true at the end of all.
  base::Result<bool> fill(std::string& out, std::size_t size) {
    while (out.size() < size) {
      std::string_view piece = TRY(pieces_());
      if (piece.empty()) {
        if (form_ != Form::as_it_is) writer_.finish(out);
        return true;
      }
      if (form_ == Form::as_it_is)
        out += piece;
      else
        writer_.write(piece, out);
    }
    return false;
  }

 private:
  Content& pieces_;
  Form form_;
  smtp::DotWriter writer_;
};

asio::awaitable<Talk<Reply>> Client::State::read_reply(Span timeout) {
  while (true) {
    base::Result<std::optional<Reply>> reply = parser.feed(unread);
    if (!reply) co_return failure(Kind::malformed, std::move(reply).error().text);
    if (*reply) co_return std::move(**reply);
    std::size_t count = co_await stream.read_some(input, timeout);
    unread = std::string_view(input.data(), count);
  }
}

asio::awaitable<Talk<Reply>> Client::State::command(std::string text, Span timeout) {
  text += "\r\n";
  co_await stream.write(text, timeout);
  Talk<Reply> reply = co_await read_reply(timeout);
  co_return reply;
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

const smtp::Capabilities& Client::server() const {
  return state_->server;
}

const Reply& Client::greeting() const {
  return state_->greeting;
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

const TlsFacts* Client::tls() const {
  return state_->tls ? &*state_->tls : nullptr;
}

const std::string& Client::authenticated() const {
  return state_->authenticated;
}

bool Client::usable() const {
  return state_->alive && (state_->announced || state_->takes_more());
}

bool Client::announced() const {
  return state_->announced.has_value();
}

unsigned Client::sent() const {
  return state_->sent;
}

Span Client::State::patience(const Exchange& exchange) const {
  switch (exchange.waits()) {
    case Exchange::Waits::command:
      return options.timeouts.command;
    case Exchange::Waits::data:
      return options.timeouts.data_initiation;
    case Exchange::Waits::chunk:
      return options.timeouts.data_block;
    case Exchange::Waits::end:
      break;
  }
  return options.timeouts.data_termination;
}

asio::awaitable<Talk<void>> Client::State::send_commands(Exchange& exchange) {
  output.clear();
  if (reset_first) {
    reset_first = false;
    if (server.pipelining) {
      output = "RSET\r\n";
      reset_pending = true;
    } else {
      Talk<Reply> reply = co_await command("RSET", options.timeouts.command);
      if (!reply) co_return std::unexpected(std::move(reply).error());
      if (!reply->completed()) co_return refused(std::move(*reply));
    }
  }
  exchange.append_commands(output);
  co_await stream.write(output, options.timeouts.command);
  co_return Talk<void>();
}

asio::awaitable<Talk<void>> Client::State::take_reply(Exchange& exchange) {
  Talk<Reply> reply = co_await read_reply(patience(exchange));
  if (!reply) co_return std::unexpected(std::move(reply).error());
  const bool hangs_up = reply->code == 421;
  if (hangs_up) alive = false;
  if (std::exchange(reset_pending, false)) {
    if (reply->completed()) co_return Talk<void>();
    co_return std::unexpected(
        Breakdown{.kind = Kind::refused, .stage = "RSET", .reply = std::move(*reply)});
  }
  Breakdown farewell{.kind = Kind::refused, .stage = exchange.stage()};
  if (hangs_up) farewell.reply = *reply;
  base::Result<void> taken = exchange.take(std::move(*reply));
  if (!taken) co_return failure(Kind::malformed, std::move(taken).error().text);
  if (hangs_up && exchange.outcome().ends.empty())
    co_return std::unexpected(std::move(farewell));
  co_return Talk<void>();
}

// Who has something postponed sends that first; and behind a chunk that is refused
// nothing is understood but RSET (RFC 3030 section 2).
void Client::State::announce(const Exchange& exchange, const smtp::Envelope* next) {
  const bool certain = !exchange.outcome().full && exchange.caught_up();
  if (!next || !certain || !server.pipelining || !takes_more()) return;
  if (!Exchange::check(*next)) return;
  announced.emplace(server, *next);
  announced_envelope = next;
  announced->append_commands(output);
  ++mails;
}

// Writes all of the output but its last octets, which wait for the gate.  So does what
// is as fast behind it: one write then serves for both.
asio::awaitable<void> Client::State::hold_back(Event* gate, std::size_t octets) {
  if (!gate || gate->is_open()) co_return;
  if (output.size() > kOneFlight) {
    std::string_view first = output;
    first.remove_suffix(octets);
    co_await stream.write(first, options.timeouts.data_block);
    output.erase(0, first.size());
  }
  co_await gate->wait();
  // Nothing is in doubt yet.
  if (stream.peer_gone()) throw system_error(asio::error::eof);
}

// Content flows at once, but its dot waits for the gate.
asio::awaitable<Talk<void>> Client::State::send_content(Exchange& exchange,
                                                        Message& message,
                                                        WireContent& content,
                                                        const smtp::Envelope* next) {
  const Span timeout = options.timeouts.data_block;
  output.clear();
  if (!exchange.nobody_accepted()) {
    while (true) {
      base::Result<bool> all = content.fill(output, kBlock);
      if (!all) co_return failure(Kind::local, std::move(all).error().text);
      if (*all) break;
      co_await stream.write(output, timeout);
      written += output.size();
      output.clear();
    }
    co_await hold_back(message.gate, 0);
  }
  output += smtp::DotWriter::kEnd;
  announce(exchange, next);
  exchange.dot_sent();  // before the write: a part of it may be enough for the server
  ++sent;
  co_await stream.write(output, timeout);
  co_return Talk<void>();
}

// RFC 3030 section 2.  The end of the last chunk is what the dot is elsewhere.
asio::awaitable<Talk<void>> Client::State::send_chunk(Exchange& exchange,
                                                      Message& message,
                                                      WireContent& content,
                                                      const smtp::Envelope* next) {
  output.clear();
  base::Result<bool> last = content.fill(output, kChunk);
  if (!last) co_return failure(Kind::local, std::move(last).error().text);
  const std::size_t size = output.size();
  output.insert(0, "BDAT " + std::to_string(size) + (*last ? " LAST\r\n" : "\r\n"));
  if (*last) {
    co_await hold_back(message.gate, kHeldBack);
    announce(exchange, next);
    ++sent;
  }
  exchange.chunk_sent(*last);
  co_await stream.write(output, options.timeouts.data_block);
  written += size;
  co_return Talk<void>();
}

asio::awaitable<Talk<void>> Client::State::transact(Exchange& exchange,
                                                    Message& message,
                                                    const smtp::Envelope* next) {
  using Form = WireContent::Form;
  Form form = Form::dots;
  if (exchange.by_chunks()) form = message.wire ? Form::as_it_is : Form::lines;
  WireContent content(message.content, form);
  written = 0;
  while (true) {
    Talk<void> done;
    switch (exchange.next()) {
      case Exchange::Step::commands:
        done = co_await send_commands(exchange);
        break;
      case Exchange::Step::reply:
        done = co_await take_reply(exchange);
        break;
      case Exchange::Step::content:
        if (exchange.by_chunks())
          done = co_await send_chunk(exchange, message, content, next);
        else
          done = co_await send_content(exchange, message, content, next);
        break;
      case Exchange::Step::finished:
        co_return Talk<void>();
    }
    if (!done) co_return done;
  }
}

// A server that closes while we write has often told why, and did not wait until we
// listen.
asio::awaitable<void> Client::State::hear_last_words(Exchange& exchange) {
  try {
    while (!unread.empty() || stream.input_waiting()) {
      if (exchange.next() == Exchange::Step::finished) co_return;
      Talk<Reply> reply = co_await read_reply(kLastWords);
      if (!reply || reply->code < 400) co_return;
      base::Result<void> taken = exchange.take(std::move(*reply));
      if (!taken) co_return;
    }
  } catch (const system_error& thrown) {
    rethrow_if_cancelled(thrown);
  }
}

asio::awaitable<smtp::Outcome> Client::send(Message message,
                                            const smtp::Envelope* next) {
  State& state = *state_;
  smtp::Outcome nothing;
  if (auto sendable = Exchange::check(message.envelope); !sendable) {
    nothing.lost = Breakdown{.kind = Kind::local, .detail = sendable.error().text};
    co_return nothing;
  }
  if (!usable()) {
    nothing.lost = Breakdown{.kind = Kind::closed, .stage = "MAIL"};
    co_return nothing;
  }
  assert(!state.announced || state.announced_envelope == &message.envelope);
  std::optional<Exchange> exchange = std::exchange(state.announced, std::nullopt);
  const bool early = exchange.has_value();
  Talk<void> done;
  bool broken = false;
  try {
    if (early) done = co_await state.transact(*exchange, message, next);
    // Where the message before was refused some want RSET before the next MAIL.
    const smtp::Outcome* heard = exchange ? &exchange->outcome() : nullptr;
    if (early && done && heard->mail->code == 503 && !heard->dot_sent) exchange.reset();
    if (!exchange) {
      state.reset_first = state.reset_first || early;
      exchange.emplace(state.server, message.envelope);
      ++state.mails;
      done = co_await state.transact(*exchange, message, next);
    }
  } catch (const system_error& thrown) {
    rethrow_if_cancelled(thrown);
    broken = true;
    done = std::unexpected(lost_connection(thrown));
  }
  if (!done) {
    state.alive = false;
    Breakdown& why = done.error();
    if (why.stage.empty()) why.stage = exchange->stage();
    if (why.kind == Kind::timeout) why.written = state.written;
    if (broken && why.kind == Kind::closed) co_await state.hear_last_words(*exchange);
    exchange->outcome().lost = std::move(why);
  }
  state.reset_first = exchange->needs_reset();
  // A large message does not keep its place for small ones.
  if (state.output.capacity() > kChunk) state.output = {};
  if (!state.alive) {
    state.announced.reset();
    state.stream.close();
  }
  co_return std::move(exchange->outcome());
}

asio::awaitable<void> Client::quit() {
  State& state = *state_;
  if (!state.alive || state.announced) {
    state.stream.close();
    co_return;
  }
  state.alive = false;
  try {
    Talk<Reply> ignored = co_await state.command("QUIT", state.options.timeouts.quit);
    (void)ignored;
  } catch (const system_error& thrown) {
    rethrow_if_cancelled(thrown);
  }
  state.stream.close();
}

}  // namespace net
