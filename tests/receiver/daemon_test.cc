// SPDX-License-Identifier: Apache-2.0
//
// Two loops, clients and reloads at the same time, in this process, so that
// ThreadSanitizer sees all of it.
#include "receiver/daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <list>
#include <optional>
#include <thread>

#include "tests/receiver/peer.h"
#include "tests/support/temp_dir.h"

namespace {

using receiver::Daemon;
using receiver::Server;
using receiver_test::Peer;
using testing::StartsWith;

class DaemonThreads : public testing::Test {
 protected:
  DaemonThreads() {
    write_policy("first");
    options_.common.config = dir_ / "conf";
    options_.drain = std::chrono::minutes(1);
    for (net::Loop& loop : loops_) servers_.emplace_back(loop, seats_);
    net::Endpoint at{"127.0.0.1", 0};
    for (Server& server : servers_) at = *server.listen(at, {}, true);
    port_ = at.port;
    daemon_.emplace(options_, loops_, servers_, lasting_, net::ServiceManager());
    auto policy = receiver::read_policy(options_.common);
    auto served = policy ? daemon_->serve_by(*policy)
                         : base::Result<void>(std::unexpected(policy.error()));
    if (!served) ADD_FAILURE() << served.error().text;
    thread_ = std::thread([this] { daemon_->run({"127.0.0.1"}); });
    EXPECT_THAT(greeting(), StartsWith("220 "));  // so signals are heard by now
  }
  ~DaemonThreads() override {
    if (thread_.joinable()) end();
  }

  void write_policy(const std::string& banner) {
    std::ofstream(dir_ / "conf.new")
        << "primary_hostname = mx.test\nsmtp_banner = " + banner +
               "\nacl_smtp_rcpt = accept\n";
    std::filesystem::rename(dir_ / "conf.new", dir_ / "conf");
  }
  std::string greeting() const { return Peer(port_).reply(); }
  void end() {
    ::kill(::getpid(), SIGTERM);
    thread_.join();
  }
  static net::Resolver::Options offline() {
    net::Resolver::Options options;
    options.forwarders = {"127.0.0.1@9"};
    options.validate = false;
    return options;
  }

  support::TempDir dir_;
  base::SystemClock clock_;
  base::MainLog log_ = *base::MainLog::open(dir_ / "log/mainlog", clock_);
  spoolfmt::Spool spool_ = *spoolfmt::Spool::create(dir_ / "spool", "", false);
  receiver::RateStore rates_ = *receiver::RateStore::open(dir_ / "spool");
  std::unique_ptr<net::Resolver> resolver_ = *net::Resolver::create(offline());
  net::TlsKeys tls_{clock_};
  receiver::Seats seats_;
  std::list<net::Loop> loops_{2};
  net::Pool pool_{2};
  receiver::Spooler spooler_{spool_, {}, log_, clock_, pool_};
  receiver::Lasting lasting_{*resolver_, rates_, log_, log_,    log_,           clock_,
                             spooler_,   pool_,  tls_, nullptr, dir_ / "spool", ""};
  std::list<Server> servers_;
  Daemon::Options options_;
  std::optional<Daemon> daemon_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(DaemonThreads, OP7_ReloadsBesideConnections) {
  std::atomic<bool> done = false;
  std::list<std::jthread> clients;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      while (!done)
        if (!greeting().starts_with("220 ")) ++refused;
    });
  for (int i = 0; i < 10; ++i) {
    std::string banner = "number" + std::to_string(i);
    write_policy(banner);
    ::kill(::getpid(), SIGHUP);
    while (greeting() != "220 " + banner + "\n") std::this_thread::yield();
  }
  done = true;
  clients.clear();
  EXPECT_EQ(refused, 0);
}

TEST_F(DaemonThreads, OP5_EndWaitsForTransactionsOfAllLoops) {
  std::list<Peer> peers;
  for (int i = 0; i < 8; ++i) {
    peers.emplace_back(port_);
    Peer& peer = peers.back();
    peer.reply();
    peer.ask("EHLO c.test");
    peer.ask("MAIL FROM:<a@x.test>");
    peer.ask("RCPT TO:<b@y.test>");
    EXPECT_THAT(peer.ask("DATA"), StartsWith("354 "));
  }
  ::kill(::getpid(), SIGTERM);
  for (Peer& peer : peers) {
    EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("250 "));
    EXPECT_THAT(peer.reply(), StartsWith("421 "));
  }
  thread_.join();
  EXPECT_EQ(seats_.taken(), 0U);
}

}  // namespace
