// SPDX-License-Identifier: Apache-2.0
//
// A listening TCP socket.
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "base/fd.h"
#include "base/result.h"
#include "net/stream.h"

namespace net {

class Listener {
 public:
  // Binds and listens; port 0 takes a free one, told by local().  `shared`: several
  // loops may each open the same address and the kernel spreads connections
  // (SO_REUSEPORT).  `backlog`: how many may wait to be accepted; 0: as many as the
  // system lets.  Code::permanent or temporary.
  static base::Result<Listener> open(Loop& loop, const Endpoint& at,
                                     bool shared = false, unsigned backlog = 0);
  // A socket that is bound and listening already: socket activation.
  static base::Result<Listener> adopt(Loop& loop, base::Fd socket);

  Listener(Listener&&) noexcept;
  ~Listener();

  // The next connection.  Waits out a shortage of descriptors and peers that left the
  // queue; throws operation_aborted after close() or cancellation.
  asio::awaitable<Stream> accept();

  const Endpoint& local() const;
  void close();

 private:
  struct State;
  explicit Listener(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace net
