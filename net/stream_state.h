// SPDX-License-Identifier: Apache-2.0
//
// What a Stream is made of; for stream.cc and listener.cc, which have Asio anyway.
#pragma once

#include <chrono>
#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/stream.h"

namespace net {

using asio::ip::tcp;

// One timer serves all waits of a stream, and is set again only if it would fire too
// late: most waits end long before their deadline and cost one comparison.
struct Stream::State : std::enable_shared_from_this<State> {
  using Clock = std::chrono::steady_clock;

  explicit State(tcp::socket connected)
      : socket(std::move(connected)), timer(socket.get_executor()) {}

  // Reads the addresses and sets the options of a connected socket; false if it is
  // connected no more.
  bool prepare();

  void begin_wait(Span timeout);
  // Throws what `error` says, timed_out if it was our timer.
  void end_wait(boost::system::error_code error);

  tcp::socket socket;
  asio::steady_timer timer;
  Endpoint peer;
  Endpoint local;

 private:
  void arm();
  void on_timer();

  Clock::time_point deadline_;
  Clock::time_point timer_at_ = Clock::time_point::max();  // max: not set
  bool waiting_ = false;
  bool timed_out_ = false;
};

Endpoint to_endpoint(const tcp::endpoint& endpoint);
// Code::usage if the address is not numeric.
base::Result<tcp::endpoint> to_asio(const Endpoint& endpoint);

}  // namespace net
