// SPDX-License-Identifier: Apache-2.0
#include "net/stream.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "net/stream_state.h"
#include "net/tls_client_connection.h"
#include "net/tls_connection.h"

namespace net {

using boost::system::error_code;
using boost::system::system_error;

Endpoint to_endpoint(const tcp::endpoint& endpoint) {
  auto address = endpoint.address();
  // An IPv4 peer of a socket that listens for both is an IPv4 peer.
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return {address.to_string(), endpoint.port()};
}

base::Result<tcp::endpoint> to_asio(const Endpoint& endpoint) {
  error_code error;
  auto address = asio::ip::make_address(endpoint.address, error);
  if (error)
    return base::fail(base::Code::usage,
                      "'" + endpoint.address + "' is not a numeric address");
  return tcp::endpoint(address, endpoint.port);
}

Endpoint to_endpoint(const asio::generic::stream_protocol::endpoint& endpoint) {
  const sockaddr* name = endpoint.data();
  if (name->sa_family == AF_INET || name->sa_family == AF_INET6) {
    tcp::endpoint address;
    std::memcpy(address.data(), name, endpoint.size());
    address.resize(endpoint.size());
    return to_endpoint(address);
  }
  if (name->sa_family != AF_UNIX) return {};
  const auto* unix_name = reinterpret_cast<const sockaddr_un*>(name);
  constexpr std::size_t kHead = offsetof(sockaddr_un, sun_path);
  std::size_t room = endpoint.size() > kHead ? endpoint.size() - kHead : 0;
  return {std::string(unix_name->sun_path, ::strnlen(unix_name->sun_path, room)), 0};
}

bool Stream::State::prepare() {
  error_code error;
  auto there = socket.remote_endpoint(error);
  if (!error) local = to_endpoint(socket.local_endpoint(error));
  if (error) return false;
  peer = to_endpoint(there);
  if (there.data()->sa_family != AF_UNIX) {
    // Replies and commands are written whole, so waiting for more only costs time.
    socket.set_option(tcp::no_delay(true), error);
    socket.set_option(tcp::socket::keep_alive(true), error);
  }
  socket.non_blocking(true, error);
  return !error;
}

void Stream::State::begin_wait(Clock::time_point deadline) {
  waiting_ = true;
  timed_out_ = false;
  deadline_ = deadline;
  if (timer_at_ > deadline_) arm();
}

void Stream::State::arm() {
  timer_at_ = deadline_;
  timer.expires_at(timer_at_);
  timer.async_wait([weak = weak_from_this()](error_code error) {
    auto self = weak.lock();
    if (self && !error) self->on_timer();
  });
}

void Stream::State::disarm() {
  timer.cancel();
  timer_at_ = Clock::time_point::max();
}

void Stream::State::on_timer() {
  timer_at_ = Clock::time_point::max();
  if (!waiting_) return;
  if (Clock::now() < deadline_) return arm();
  timed_out_ = true;
  error_code ignored;
  socket.cancel(ignored);
}

void Stream::State::end_wait(error_code error) {
  waiting_ = false;
  if (error == asio::error::operation_aborted && timed_out_)
    error = asio::error::timed_out;
  if (error) throw system_error(error);
}

asio::awaitable<void> Stream::State::wait_for(TlsChannel::Step step,
                                              Clock::time_point deadline) {
  using Need = TlsChannel::Step::State;
  if (step.state != Need::need_input && step.state != Need::need_output) {
    if (step.error == 0) throw system_error(asio::error::eof);
    throw system_error(error_code(step.error, boost::system::system_category()));
  }
  auto what = step.state == Need::need_input ? Socket::wait_read : Socket::wait_write;
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  begin_wait(deadline);
  co_await socket.async_wait(what, token);
  end_wait(error);
}

namespace {

std::chrono::steady_clock::time_point in(Span timeout) {
  return std::chrono::steady_clock::now() + timeout;
}

}  // namespace

Stream::Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() {
  if (state_) close();
}

template <class Address>
asio::awaitable<Stream> Stream::connect_to(std::shared_ptr<State> state, Address to,
                                           Span timeout) {
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  state->begin_wait(in(timeout));
  State::Socket::endpoint_type address(to);
  co_await state->socket.async_connect(address, token);
  state->end_wait(error);
  if (!state->prepare()) throw system_error(asio::error::not_connected);
  co_return Stream(std::move(state));
}

asio::awaitable<Stream> Stream::connect(Endpoint to, Span timeout, std::string from) {
  auto executor = co_await asio::this_coro::executor;
  auto state = std::make_shared<State>(State::Socket(executor));
  auto address = to_asio(to);
  if (!address) throw system_error(asio::error::invalid_argument);
  if (!from.empty()) {
    auto ours = to_asio({from, 0});
    if (!ours) throw system_error(asio::error::invalid_argument);
    state->socket.open(address->protocol());
    // The port is chosen when the peer is known, so that there are enough.
    int late = 1;
    ::setsockopt(state->socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
                 &late, sizeof late);
    state->socket.bind(*ours);
  }
  co_return co_await connect_to(std::move(state), *address, timeout);
}

asio::awaitable<Stream> Stream::connect_unix(std::string path, Span timeout) {
  if (path.size() >= sizeof sockaddr_un::sun_path)
    throw system_error(asio::error::name_too_long);
  auto executor = co_await asio::this_coro::executor;
  auto state = std::make_shared<State>(State::Socket(executor));
  asio::local::stream_protocol::endpoint address(path);
  co_return co_await connect_to(std::move(state), address, timeout);
}

base::Result<Stream> Stream::adopt(Loop& loop, base::Fd socket) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0)
    return base::system_failure("inherited socket", errno);
  State::Socket adopted(loop.context());
  error_code error;
  adopted.assign(asio::generic::stream_protocol(name.ss_family, 0), socket.get(),
                 error);
  if (error) return base::system_failure("inherited socket", error.value());
  socket.release();
  auto state = std::make_shared<State>(std::move(adopted));
  if (!state->prepare())
    return base::fail(base::Code::config, "inherited socket: it is not connected");
  return Stream(std::move(state));
}

asio::awaitable<base::Result<TlsFacts>> Stream::accept_tls(TlsKeys& keys,
                                                           TlsSetting setting,
                                                           TlsForName for_name,
                                                           Span timeout,
                                                           std::string first) {
  auto made = TlsConnection::create(keys, setting, std::move(for_name),
                                    state_->socket.native_handle(), std::move(first));
  if (!made) co_return std::unexpected(std::move(made).error());
  std::unique_ptr<TlsChannel> tls = std::move(*made);
  co_return co_await shake_hands(std::move(tls), timeout);
}

asio::awaitable<base::Result<TlsFacts>> Stream::connect_tls(TlsClientSessions& sessions,
                                                            TlsTarget target,
                                                            Span timeout) {
  auto made =
      TlsClientConnection::create(sessions, target, state_->peer, state_->local.address,
                                  state_->socket.native_handle());
  if (!made) co_return std::unexpected(std::move(made).error());
  std::unique_ptr<TlsChannel> tls = std::move(*made);
  co_return co_await shake_hands(std::move(tls), timeout);
}

asio::awaitable<base::Result<TlsFacts>> Stream::shake_hands(
    std::unique_ptr<TlsChannel> tls, Span timeout) {
  using Step = TlsChannel::Step;
  auto deadline = in(timeout);
  Step step = tls->handshake();
  while (step.state != Step::State::done) {
    if (step.state == Step::State::failed)
      co_return base::fail(base::Code::permanent, tls->failure());
    co_await state_->wait_for(step, deadline);
    step = tls->handshake();
  }
  state_->tls = std::move(tls);
  co_return state_->tls->facts();
}

asio::awaitable<std::size_t> Stream::read_some(std::span<char> into, Span timeout) {
  if (state_->tls) co_return co_await read_encrypted(into, in(timeout));
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  auto buffer = asio::buffer(into.data(), into.size());
  state_->begin_wait(in(timeout));
  std::size_t count = co_await state_->socket.async_read_some(buffer, token);
  state_->end_wait(error);
  co_return count;
}

asio::awaitable<std::size_t> Stream::read_encrypted(std::span<char> into,
                                                    Instant deadline) {
  TlsChannel::Step step = state_->tls->read(into);
  while (step.state != TlsChannel::Step::State::done) {
    co_await state_->wait_for(step, deadline);
    step = state_->tls->read(into);
  }
  co_return step.count;
}

asio::awaitable<void> Stream::write(std::string_view bytes, Span timeout) {
  if (state_->tls) co_return co_await write_encrypted(bytes, in(timeout));
  // The kernel takes most writes at once; only what it does not take is waited for.
  error_code error;
  auto buffer = asio::buffer(bytes.data(), bytes.size());
  std::size_t count = state_->socket.write_some(buffer, error);
  if (error && error != asio::error::would_block) throw system_error(error);
  if (count == bytes.size()) co_return;
  error.clear();
  buffer += count;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  state_->begin_wait(in(timeout));
  co_await asio::async_write(state_->socket, buffer, token);
  state_->end_wait(error);
}

std::size_t Stream::write_now(std::string_view bytes) {
  if (state_->tls) return state_->tls->write(bytes).count;
  error_code ignored;
  return state_->socket.write_some(asio::buffer(bytes.data(), bytes.size()), ignored);
}

asio::awaitable<void> Stream::write_encrypted(std::string_view bytes,
                                              Instant deadline) {
  while (!bytes.empty()) {
    TlsChannel::Step step = state_->tls->write(bytes);
    bytes.remove_prefix(step.count);
    if (step.state != TlsChannel::Step::State::done)
      co_await state_->wait_for(step, deadline);
  }
}

bool Stream::input_waiting() const {
  if (state_->tls) return state_->tls->input_waiting();
  char byte;
  return ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

bool Stream::peer_gone() const {
  if (state_->tls) return state_->tls->peer_gone();
  char byte;
  auto count =
      ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

bool Stream::has_ip_options() const {
  std::array<char, 64> options{};
  socklen_t length = options.size();
  int socket = state_->socket.native_handle();
  return ::getsockopt(socket, IPPROTO_IP, IP_OPTIONS, options.data(), &length) == 0 &&
         length > 0;
}

const Endpoint& Stream::peer() const {
  return state_->peer;
}

const Endpoint& Stream::local() const {
  return state_->local;
}

bool Stream::is_open() const {
  return state_->socket.is_open();
}

void Stream::rest() {
  state_->disarm();
}

void Stream::close() {
  error_code ignored;
  if (state_->tls) state_->tls->close();
  state_->timer.cancel();
  state_->socket.close(ignored);
}

}  // namespace net
