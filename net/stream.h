// SPDX-License-Identifier: Apache-2.0
//
// A TCP connection whose every wait has a deadline.
//
// A peer that is gone, silent for too long or resetting is an exception
// (boost::system::system_error: eof, timed_out, ...), for whoever owns the session:
// nobody on the way has a choice.  All calls belong to the loop the stream was made on.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "net/endpoint.h"
#include "net/loop.h"

namespace net {

using Span = std::chrono::nanoseconds;

class Stream {
 public:
  // Throws as above.
  static asio::awaitable<Stream> connect(Endpoint to, Span timeout);

  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // At least one byte, unless the peer has closed: that is eof, thrown.
  asio::awaitable<std::size_t> read_some(std::span<char> into, Span timeout);
  // All of `bytes`, which must stay until it returns.
  asio::awaitable<void> write(std::string_view bytes, Span timeout);

  // Bytes have arrived that were not read yet.
  bool input_waiting() const;
  // Nothing is left to read and the peer has closed or reset: nobody hears our answer.
  bool peer_gone() const;

  const Endpoint& peer() const;
  const Endpoint& local() const;
  bool is_open() const;
  // Ends a wait of another task on this stream, too.
  void close();

 private:
  friend class Listener;
  struct State;
  explicit Stream(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;  // the deadline's timer refers to it weakly
};

}  // namespace net
