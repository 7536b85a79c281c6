// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_dead_port.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace utils {

namespace {

constexpr int kConnectTime = 200;  // ms in which loopback answers, if it does

}  // namespace

// Linux answers no SYN while the queue of a listening socket is full.  How many fit is
// the kernel's own affair, so it is filled until one hangs.
base::Result<SinkDeadPort> SinkDeadPort::open(std::uint16_t port, Kind kind) {
  SinkDeadPort dead;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  dead.socket_ = base::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(dead.socket_.get(), generic, size) != 0 ||
      ::getsockname(dead.socket_.get(), generic, &size) != 0)
    return base::system_failure("127.0.0.1:" + std::to_string(port), errno);
  dead.port_ = ntohs(address.sin_port);
  if (kind == Kind::refused) return dead;
  if (::listen(dead.socket_.get(), 0) != 0)
    return base::system_failure("listen", errno);
  while (true) {
    base::Fd filler(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!filler) return base::system_failure("socket", errno);
    ::connect(filler.get(), generic, size);
    pollfd ready{filler.get(), POLLOUT, 0};
    const bool hangs = ::poll(&ready, 1, kConnectTime) == 0;
    if (hangs) return dead;
    dead.fillers_.push_back(std::move(filler));
  }
}

}  // namespace utils
