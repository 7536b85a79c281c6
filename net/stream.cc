// SPDX-License-Identifier: Apache-2.0
#include "net/stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "net/stream_state.h"

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

bool Stream::State::prepare() {
  error_code error;
  tcp::endpoint there = socket.remote_endpoint(error);
  if (!error) local = to_endpoint(socket.local_endpoint(error));
  if (error) return false;
  peer = to_endpoint(there);
  // Replies and commands are written whole, so waiting for more only costs time.
  socket.set_option(tcp::no_delay(true), error);
  socket.set_option(tcp::socket::keep_alive(true), error);
  socket.non_blocking(true, error);
  return !error;
}

void Stream::State::begin_wait(Span timeout) {
  waiting_ = true;
  timed_out_ = false;
  deadline_ = Clock::now() + timeout;
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

Stream::Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() {
  if (state_) close();
}

asio::awaitable<Stream> Stream::connect(Endpoint to, Span timeout) {
  auto executor = co_await asio::this_coro::executor;
  auto address = to_asio(to);
  if (!address) throw system_error(asio::error::invalid_argument);
  auto state = std::make_shared<State>(tcp::socket(executor));
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  state->begin_wait(timeout);
  co_await state->socket.async_connect(*address, token);
  state->end_wait(error);
  if (!state->prepare()) throw system_error(asio::error::not_connected);
  co_return Stream(std::move(state));
}

asio::awaitable<Stream> Stream::connect_unix(std::string, Span) {
  throw system_error(asio::error::operation_not_supported);
  co_return Stream(nullptr);
}

base::Result<Stream> Stream::adopt(Loop&, base::Fd) {
  return base::fail(base::Code::config, "not built yet");
}

asio::awaitable<base::Result<TlsFacts>> Stream::accept_tls(TlsKeys&, TlsSetting,
                                                           TlsForName, Span,
                                                           std::string) {
  co_return base::fail(base::Code::config, "TLS is not built yet");
}

asio::awaitable<std::size_t> Stream::read_some(std::span<char> into, Span timeout) {
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  auto buffer = asio::buffer(into.data(), into.size());
  state_->begin_wait(timeout);
  std::size_t count = co_await state_->socket.async_read_some(buffer, token);
  state_->end_wait(error);
  co_return count;
}

asio::awaitable<void> Stream::write(std::string_view bytes, Span timeout) {
  // The kernel takes most writes at once; only what it does not take is waited for.
  error_code error;
  auto buffer = asio::buffer(bytes.data(), bytes.size());
  std::size_t count = state_->socket.write_some(buffer, error);
  if (error && error != asio::error::would_block) throw system_error(error);
  if (count == bytes.size()) co_return;
  error.clear();
  buffer += count;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  state_->begin_wait(timeout);
  co_await asio::async_write(state_->socket, buffer, token);
  state_->end_wait(error);
}

bool Stream::input_waiting() const {
  char byte;
  return ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

bool Stream::peer_gone() const {
  char byte;
  auto count =
      ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
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

void Stream::close() {
  error_code ignored;
  state_->timer.cancel();
  state_->socket.close(ignored);
}

}  // namespace net
