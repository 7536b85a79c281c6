// SPDX-License-Identifier: Apache-2.0
//
// A client made of a bare socket, which can say anything in any packets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "base/fd.h"

namespace receiver_test {

class Peer {
 public:
  explicit Peer(std::uint16_t port, const char* address = "127.0.0.1")
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &to.sin_addr);
    timeval deadline{60, 0};  // a server that hangs fails the test, not the night
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      throw std::system_error(errno, std::generic_category(), "connect");
  }

  // One packet, if it is short.
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;  // what the server thinks of us is in its replies
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  // What one recv(2) gives; empty at the end.
  std::string packet() {
    std::string bytes(65536, '\0');
    auto count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }

  // One reply, its lines ended by LF; empty at the end of the connection.
  std::string reply() {
    std::string text;
    while (true) {
      std::string line = next_line();
      if (line.empty()) return text;
      text += line + "\n";
      if (line.size() < 4 || line[3] == ' ') return text;
    }
  }
  std::string ask(std::string_view command) {
    send(std::string(command) + "\r\n");
    return reply();
  }

  bool at_end() { return unread_.empty() && packet().empty(); }
  void close() { socket_.reset(); }

 private:
  std::string next_line() {
    std::size_t end;
    while ((end = unread_.find("\r\n")) == unread_.npos) {
      std::string more = packet();
      if (more.empty()) return {};
      unread_ += more;
    }
    std::string line = unread_.substr(0, end);
    unread_.erase(0, end + 2);
    return line;
  }

  base::Fd socket_;
  std::string unread_;
};

}  // namespace receiver_test
