// SPDX-License-Identifier: Apache-2.0
//
// A port of 127.0.0.1 that is free now, for programs that cannot say which one they
// took.  Somebody else may be quicker: who can, tries again.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "base/fd.h"

namespace support {

// `type` is SOCK_STREAM or SOCK_DGRAM.
inline std::uint16_t free_port(int type = SOCK_STREAM) {
  base::Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), any, size) != 0 ||
      ::getsockname(socket.get(), any, &size) != 0)
    throw std::system_error(errno, std::generic_category(), "no free port");
  return ntohs(address.sin_port);
}

}  // namespace support
