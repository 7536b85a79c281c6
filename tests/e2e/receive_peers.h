// SPDX-License-Identifier: Apache-2.0
//
// Programs of others around bobbin-receive, and what the spool says of their mail.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "tests/e2e/receive_support.h"
#include "tests/support/free_port.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"

namespace receive_tests {

using support::free_port;

inline bool takes_connections(std::uint16_t port) {
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

// A server of others, once it takes connections.
class Server {
 public:
  Server(const support::Command& command, std::uint16_t port)
      : process_(command), port_(port) {
    auto end = std::chrono::steady_clock::now() + support::Process::kDeadline;
    while (!takes_connections(port)) {
      bool ended = process_.saw("\xff never said", std::chrono::milliseconds(10));
      if (ended || std::chrono::steady_clock::now() > end) {
        ADD_FAILURE() << command.program << " does not listen: " << process_.err();
        return;
      }
    }
  }

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  support::Process& process() { return process_; }
  support::Outcome stop() {
    process_.signal(SIGTERM);
    return process_.wait();
  }

 private:
  support::Process process_;
  std::uint16_t port_;
};

inline std::string text_of(const fs::path& path) {
  return base::read_file(path).value_or("unreadable: " + path.string());
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline void write_file(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// What stands on the line that begins like that; "(none)".
inline std::string after(const std::string& text, const std::string& begin) {
  for (const std::string& line : lines_of(text)) {
    std::size_t blank = line.find_first_not_of(' ');
    if (blank != line.npos && line.compare(blank, begin.size(), begin) == 0)
      return line.substr(blank + begin.size());
  }
  return "(none)";
}

// The text of a message's -H file, and the value of one option of it.
inline std::string h_text(const Receiver& receiver, const std::string& id) {
  return text_of(receiver.spool() / "input" / (id + "-H"));
}
inline std::string option(const std::string& h_text, const std::string& name) {
  std::string value = after(h_text, "--" + name + " ");
  return value == "(none)" ? after(h_text, "-" + name + " ") : value;
}

// The only message of the spool.
inline std::string only_message(const Receiver& receiver) {
  auto ids = receiver.ids();
  EXPECT_EQ(ids.size(), 1U) << receiver.main_log();
  return ids.empty() ? "" : h_text(receiver, ids[0]);
}

inline support::Outcome python(const std::string& script,
                               std::vector<std::string> args) {
  args.insert(args.begin(), {"-c", script});
  return support::run({.program = "python3", .args = std::move(args)});
}

inline support::Outcome swaks(std::uint16_t port, std::vector<std::string> args) {
  args.insert(args.begin(), {"--server", "127.0.0.1", "--port", std::to_string(port),
                             "-f", "a@x.test", "-t", "b@y.test", "--helo", "c.test"});
  return support::run({.program = "swaks", .args = std::move(args)});
}

}  // namespace receive_tests
