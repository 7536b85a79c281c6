// SPDX-License-Identifier: Apache-2.0
//
// What the tests of bobbin-receive share: a running receiver and its spool.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/receiver/peer.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace receive_tests {

namespace fs = std::filesystem;

class Receiver {
 public:
  // Listens at a free port unless `args` say where.
  explicit Receiver(const std::string& config = {}, std::vector<std::string> args = {},
                    std::vector<std::string> env = {}) {
    fs::permissions(dir_.path(), fs::perms(0755));
    bool judges = config.contains("acl_smtp_rcpt");
    std::ofstream(dir_ / "conf")
        << "primary_hostname = mx.test\n"
        << (config.contains("smtp_accept_max ") ? "" : "smtp_accept_max = 0\n")
        << (judges ? "" : "acl_smtp_rcpt = accept\n") << config;
    args.insert(args.begin(), {"-C", dir_ / "conf", "-s", spool()});
    if (std::ranges::find(args, "--listen") == args.end())
      args.insert(args.end(), {"--listen", "127.0.0.1:0"});
    process_ = std::make_unique<support::Process>(
        support::Command{.program = support::program("bobbin-receive"),
                         .args = std::move(args),
                         .env = std::move(env)});
    constexpr std::string_view kMark = "listening on 127.0.0.1:";
    EXPECT_TRUE(process_->saw(kMark)) << process_->err();  // warnings may come first
    port_ = static_cast<std::uint16_t>(
        std::atoi(process_->out().substr(kMark.size()).c_str()));
  }

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  fs::path dir() const { return dir_.path(); }
  fs::path spool() const { return dir_ / "spool"; }
  std::string main_log() const { return *base::read_file(spool() / "log/mainlog"); }
  support::Process& process() { return *process_; }

  // After SIGTERM.
  support::Outcome stop() {
    process_->signal(SIGTERM);
    return process_->wait();
  }

  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const auto& file : fs::recursive_directory_iterator(spool() / "input")) {
      std::string name = file.path().filename();
      if (name.ends_with("-H")) ids.push_back(name.substr(0, name.size() - 2));
    }
    std::ranges::sort(ids);
    return ids;
  }

 private:
  support::TempDir dir_;
  std::uint16_t port_ = 0;
  std::unique_ptr<support::Process> process_;
};

// One message through a conversation of its own; the id it got, or empty.
inline std::string send(std::uint16_t port, const std::string& envelope,
                        const std::string& wire) {
  receiver_test::Peer peer(port);
  peer.reply();
  peer.ask("EHLO c.test");
  std::size_t begin = 0;
  for (std::size_t end; (end = envelope.find('\n', begin)) != envelope.npos;
       begin = end + 1)
    EXPECT_EQ(peer.ask(envelope.substr(begin, end - begin))[0], '2');
  EXPECT_EQ(peer.ask("DATA").substr(0, 3), "354");
  std::string reply = peer.ask(wire + ".");
  std::size_t mark = reply.find(" id=");
  return mark == reply.npos ? "" : reply.substr(mark + 4, reply.size() - mark - 5);
}

}  // namespace receive_tests
