// SPDX-License-Identifier: Apache-2.0
//
// What a Stream is made of; for stream.cc and listener.cc, which have Asio anyway.
#pragma once

#include <chrono>
#include <memory>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/stream.h"
#include "net/tls_channel.h"

namespace net {

using asio::ip::tcp;

// One timer serves all waits of a stream, and is set again only if it would fire too
// late: most waits end long before their deadline and cost one comparison.
struct Stream::State : std::enable_shared_from_this<State> {
  using Clock = std::chrono::steady_clock;
  using Socket = asio::generic::stream_protocol::socket;

  explicit State(Socket connected)
      : socket(std::move(connected)), timer(socket.get_executor()) {}

  // Reads the addresses and sets the options of a connected socket; false if it is
  // connected no more.
  bool prepare();

  void begin_wait(Clock::time_point deadline);
  // Throws what `error` says, timed_out if it was our timer.
  void end_wait(boost::system::error_code error);

  // Takes the timer off the loop; nobody may be waiting.
  void disarm();

  // Until the socket is as `step` needs it; throws if there is nothing to wait for.
  asio::awaitable<void> wait_for(TlsChannel::Step step, Clock::time_point deadline);

  Socket socket;
  asio::steady_timer timer;
  Endpoint peer;
  Endpoint local;
  std::unique_ptr<TlsChannel> tls;  // null: nothing is encrypted

 private:
  void arm();
  void on_timer();

  Clock::time_point deadline_;
  Clock::time_point timer_at_ = Clock::time_point::max();  // max: not set
  bool waiting_ = false;
  bool timed_out_ = false;
};

Endpoint to_endpoint(const tcp::endpoint& endpoint);
// Of a unix socket its path, which may be none.
Endpoint to_endpoint(const asio::generic::stream_protocol::endpoint& endpoint);
// Code::usage if the address is not numeric.
base::Result<tcp::endpoint> to_asio(const Endpoint& endpoint);

}  // namespace net
