// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "net/stream_state.h"

namespace net {

using boost::system::error_code;

struct Listener::State {
  explicit State(Loop& loop) : acceptor(loop.context()) {}

  tcp::acceptor acceptor;
  Endpoint local;
};

Listener::Listener(std::unique_ptr<State> state) : state_(std::move(state)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener::~Listener() = default;

base::Result<Listener> Listener::open(Loop& loop, const Endpoint& at, bool shared,
                                      unsigned backlog) {
  constexpr unsigned kMost = tcp::acceptor::max_listen_connections;
  int waiting = static_cast<int>(backlog == 0 ? kMost : std::min(backlog, kMost));
  tcp::endpoint endpoint = TRY(to_asio(at));
  auto state = std::make_unique<State>(loop);
  tcp::acceptor& acceptor = state->acceptor;
  error_code error;
  auto attempt = [&](auto step) {
    if (!error) step();
  };
  attempt([&] { acceptor.open(endpoint.protocol(), error); });
  attempt([&] { acceptor.set_option(tcp::acceptor::reuse_address(true), error); });
  attempt([&] {
    int on = 1;
    if (shared && ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on,
                               sizeof on))
      error.assign(errno, boost::system::system_category());
  });
  attempt([&] { acceptor.bind(endpoint, error); });
  attempt([&] { acceptor.listen(waiting, error); });
  attempt([&] { state->local = to_endpoint(acceptor.local_endpoint(error)); });
  if (error) return base::system_failure(format_endpoint(at), error.value());
  return Listener(std::move(state));
}

base::Result<Listener> Listener::adopt(Loop& loop, base::Fd socket) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0)
    return base::system_failure("inherited socket", errno);
  int listening = 0;
  length = sizeof listening;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 ||
      !listening)
    return base::fail(base::Code::config, "inherited socket: it is not listening");
  auto state = std::make_unique<State>(loop);
  error_code error;
  auto protocol = name.ss_family == AF_INET6 ? tcp::v6() : tcp::v4();
  state->acceptor.assign(protocol, socket.get(), error);
  if (!error) {
    socket.release();
    state->local = to_endpoint(state->acceptor.local_endpoint(error));
  }
  if (error) return base::system_failure("inherited socket", error.value());
  return Listener(std::move(state));
}

asio::awaitable<Stream> Listener::accept() {
  while (true) {
    error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    tcp::socket socket = co_await state_->acceptor.async_accept(token);
    switch (error.value()) {
      case 0: {
        auto stream = std::make_shared<Stream::State>(std::move(socket));
        if (stream->prepare()) co_return Stream(std::move(stream));
        break;  // reset before we looked at it
      }
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        // Sessions that end give back what is missing; asking again at once would spin.
        co_await sleep_for(std::chrono::milliseconds(100));
        break;
      case ECONNABORTED:
      case EINTR:
      case EPROTO:
        break;
      default:
        throw boost::system::system_error(error);
    }
  }
}

const Endpoint& Listener::local() const {
  return state_->local;
}

void Listener::close() {
  error_code ignored;
  state_->acceptor.close(ignored);
}

}  // namespace net
