// SPDX-License-Identifier: Apache-2.0
//
// From the connection to the first MAIL: greeting, EHLO, STARTTLS, AUTH.
#include <algorithm>
#include <vector>

#include "base/crypto.h"
#include "net/client_state.h"

namespace net {

using boost::system::system_error;
using smtp::Breakdown;
using smtp::Reply;
using Kind = Breakdown::Kind;

namespace {

std::unexpected<Breakdown> failure(Kind kind, std::string detail) {
  return std::unexpected(Breakdown{.kind = kind, .detail = std::move(detail)});
}

asio::awaitable<Stream> connect(Endpoint to, Span timeout, std::string from) {
  if (to.address.starts_with('/'))
    co_return co_await Stream::connect_unix(to.address, timeout);
  co_return co_await Stream::connect(to, timeout, std::move(from));
}

}  // namespace

asio::awaitable<std::expected<Client, Breakdown>> Client::open(Endpoint to,
                                                               Options options) {
  std::unique_ptr<State> state;
  Talk<void> done;
  try {
    Stream stream = co_await connect(to, options.timeouts.connect, options.bind);
    state = std::make_unique<State>(std::move(stream), std::move(options));
    done = co_await state->introduce();
  } catch (const system_error& thrown) {
    rethrow_if_cancelled(thrown);
    done = std::unexpected(lost_connection(thrown));
  }
  if (done) co_return Client(std::move(state));
  Breakdown& why = done.error();
  if (!state) {
    why.kind = Kind::unreachable;
    why.stage = "initial connection";
  } else if (why.stage.empty()) {
    why.stage = state->stage;
  }
  // A server that knew neither EHLO nor HELO has told why the first time.
  const bool silent = why.kind == Kind::closed || why.kind == Kind::timeout;
  if (silent && state && state->ehlo_refusal && why.stage.starts_with("HELO"))
    why = {.kind = Kind::refused,
           .stage = "EHLO " + state->options.helo_name,
           .reply = state->ehlo_refusal};
  co_return std::unexpected(std::move(why));
}

asio::awaitable<Talk<void>> Client::State::introduce() {
  Talk<void> done;
  if (options.protocol == Protocol::smtps) {
    done = co_await encrypt();
    if (!done) co_return done;
  }
  Talk<Reply> greeted = co_await read_reply(options.timeouts.greeting);
  if (!greeted) co_return std::unexpected(std::move(greeted).error());
  if (greeted->code != 220) co_return refused(std::move(*greeted));
  greeting = std::move(*greeted);
  done = co_await say_hello();
  if (!done) co_return done;
  if (options.tls.use != ClientTls::Use::never && !tls) {
    done = co_await start_tls();
    if (!done) co_return done;
  }
  // RFC 9422 section 6: who changes what is said in the clear shall not slow us down.
  if (!tls && server.starttls) server.limits = {};
  co_return co_await log_in();
}

// RFC 5321 section 3.2: EHLO, and HELO for servers that do not know it.
asio::awaitable<Talk<void>> Client::State::say_hello() {
  const Span timeout = options.timeouts.command;
  const bool lmtp = options.protocol == Protocol::lmtp;
  server = {};
  stage = (lmtp ? "LHLO " : "EHLO ") + options.helo_name;
  Talk<Reply> reply = co_await command(stage, timeout);
  if (!reply) co_return std::unexpected(std::move(reply).error());
  if (reply->completed()) {
    server = smtp::parse_ehlo_reply(*reply);
    server.lmtp = lmtp;
    server.pipelining = server.pipelining && options.pipelining;
    server.chunking = server.chunking && options.chunking;
  } else if (!lmtp && reply->code >= 400 && reply->code != 421) {
    ehlo_refusal = std::move(*reply);
    stage = "HELO " + options.helo_name;
    reply = co_await command(stage, timeout);
    if (!reply) co_return std::unexpected(std::move(reply).error());
  }
  if (!reply->completed()) co_return refused(std::move(*reply));
  hello = std::move(*reply);
  co_return Talk<void>();
}

asio::awaitable<Talk<void>> Client::State::start_tls() {
  const bool must = options.tls.use == ClientTls::Use::must;
  if (!server.starttls) {
    if (must) co_return failure(Kind::tls_required, "the server does not offer it");
    co_return Talk<void>();
  }
  stage = "STARTTLS";
  Talk<Reply> reply = co_await command(stage, options.timeouts.command);
  if (!reply) co_return std::unexpected(std::move(reply).error());
  if (reply->code == 421) co_return refused(std::move(*reply));
  if (reply->code != 220) {
    const bool go_on = !must && (!reply->temporary() || options.tls.tempfail_tryclear);
    if (go_on) co_return Talk<void>();
    co_return std::unexpected(
        Breakdown{.kind = Kind::tls_required, .reply = std::move(*reply)});
  }
  // Said in the clear, by anybody, to be believed under TLS (CVE-2021-38371).
  if (!unread.empty() || parser.midway() || stream.input_waiting())
    co_return failure(Kind::malformed, "more follows before the handshake");
  Talk<void> done = co_await encrypt();
  if (!done) co_return done;
  co_return co_await say_hello();
}

asio::awaitable<Talk<void>> Client::State::encrypt() {
  if (!options.tls.sessions)
    co_return failure(Kind::local, "TLS is wanted, but there is no place for sessions");
  base::Result<TlsFacts> facts;
  try {
    facts = co_await stream.connect_tls(*options.tls.sessions, options.tls.target,
                                        options.timeouts.command);
  } catch (const system_error& thrown) {
    rethrow_if_cancelled(thrown);
    const bool eof = thrown.code() == asio::error::eof;
    facts = base::fail(base::Code::permanent, eof ? "the server closed the connection"
                                                  : thrown.code().message());
  }
  if (!facts)
    co_return failure(
        facts.error().code == base::Code::permanent ? Kind::tls_failed : Kind::local,
        std::move(facts.error().text));
  tls = std::move(*facts);
  co_return Talk<void>();
}

// Through what the server offers, the simplest first.
asio::awaitable<Talk<void>> Client::State::log_in() {
  if (!options.login) co_return Talk<void>();
  const bool required = options.login->required;
  Breakdown why{.kind = Kind::auth_failed};
  if (!tls && !options.login->in_clear) {
    why.detail = "the connection is not encrypted";
    if (required) co_return std::unexpected(std::move(why));
    co_return Talk<void>();
  }
  why.detail = "the server offers neither PLAIN nor LOGIN";
  for (std::string_view mechanism : {"PLAIN", "LOGIN"}) {
    if (std::ranges::find(server.auth, mechanism) == server.auth.end()) continue;
    stage = "AUTH " + std::string(mechanism);
    Talk<Reply> reply = co_await authenticate(mechanism);
    if (!reply) co_return std::unexpected(std::move(reply).error());
    if (reply->code == 421) co_return refused(std::move(*reply));
    if (reply->completed()) {
      authenticated = mechanism;
      co_return Talk<void>();
    }
    why.stage = stage;
    why.reply = std::move(*reply);
    // 535: the password is wrong, whatever it is wrapped in.
    if (why.reply->temporary() || why.reply->code == 535) break;
  }
  if (required) co_return std::unexpected(std::move(why));
  co_return Talk<void>();
}

// RFC 4954 section 4; PLAIN = [authzid] NUL authcid NUL passwd (RFC 4616).
asio::awaitable<Talk<Reply>> Client::State::authenticate(std::string_view mechanism) {
  const ClientLogin& login = *options.login;
  const Span timeout = options.timeouts.command;
  std::string first = "AUTH LOGIN";
  std::vector<std::string> answers = {base::to_base64(login.user),
                                      base::to_base64(login.password)};
  if (mechanism == "PLAIN") {
    using namespace std::string_literals;
    first =
        "AUTH PLAIN " + base::to_base64("\0"s + login.user + "\0"s + login.password);
    answers.clear();
  }
  answers.push_back("*");  // who asks for more than we have is left without
  Talk<Reply> reply = co_await command(first, timeout);
  for (std::string& answer : answers) {
    if (!reply || reply->code != 334) break;
    reply = co_await command(std::move(answer), timeout);
  }
  if (reply && !reply->completed() && reply->code < 400)
    co_return failure(Kind::malformed, smtp::reply_for_log(*reply));
  co_return reply;
}

}  // namespace net
