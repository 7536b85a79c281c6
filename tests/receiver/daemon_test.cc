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

#include "spoolfmt/boards.h"
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
    options.common.config = dir / "conf";
    options.drain = std::chrono::minutes(1);
    for (net::Loop& loop : loops) servers.emplace_back(loop, seats);
    net::Endpoint at{"127.0.0.1", 0};
    for (Server& server : servers) at = *server.listen(at, {}, true);
    port = at.port;
    daemon.emplace(options, loops, servers, lasting, net::ServiceManager());
    auto policy = receiver::read_policy(options.common);
    auto served = policy ? daemon->serve_by(*policy)
                         : base::Result<void>(std::unexpected(policy.error()));
    if (!served) ADD_FAILURE() << served.error().text;
    auto board = spoolfmt::hang_out(dir / "spool", "receive", clock.now());
    if (!board) ADD_FAILURE() << board.error().text;
    thread = std::thread([this, board = std::move(board)]() mutable {
      daemon->run({"127.0.0.1"}, std::move(*board));
      daemon.reset();
    });
    EXPECT_THAT(greeting(), StartsWith("220 "));  // so signals are heard by now
  }
  ~DaemonThreads() override {
    if (thread.joinable()) end();
  }

  void write_policy(const std::string& banner) {
    std::ofstream(dir / "conf.new")
        << "primary_hostname = mx.test\nsmtp_banner = " + banner +
               "\nacl_smtp_rcpt = accept\n";
    std::filesystem::rename(dir / "conf.new", dir / "conf");
  }
  std::string greeting() const { return Peer(port).reply(); }
  // What the board says; nothing, if it is gone.
  base::Cell fact(const std::string& name) const {
    auto boards = base::SharedBoard::open_all(spoolfmt::board_directory(dir / "spool"));
    if (!boards || boards->empty()) return {};
    auto page = boards->front().read();
    if (!page) return {};
    auto found = std::ranges::find(page->facts, name,
                                   &std::pair<std::string, base::Cell>::first);
    return found == page->facts.end() ? base::Cell() : found->second;
  }
  void await(const std::string& name, const base::Cell& value) const {
    auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (fact(name) != value && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(fact(name), value) << name;
  }
  std::list<Peer> in_data(int count) const {
    std::list<Peer> peers;
    for (int i = 0; i < count; ++i) {
      Peer& peer = peers.emplace_back(port);
      peer.reply();
      peer.ask("EHLO c.test");
      peer.ask("MAIL FROM:<a@x.test>");
      peer.ask("RCPT TO:<b@y.test>");
      EXPECT_THAT(peer.ask("DATA"), StartsWith("354 "));
    }
    return peers;
  }
  void end() {
    ::kill(::getpid(), SIGTERM);
    thread.join();
  }
  static net::Resolver::Options offline() {
    net::Resolver::Options options;
    options.forwarders = {"127.0.0.1@9"};
    options.validate = false;
    return options;
  }

  support::TempDir dir;
  base::SystemClock clock;
  base::MainLog log = *base::MainLog::open(dir / "log/mainlog", clock);
  spoolfmt::Spool spool = *spoolfmt::Spool::create(dir / "spool", "", false);
  receiver::RateStore rates = *receiver::RateStore::open(dir / "spool");
  std::unique_ptr<net::Resolver> resolver = *net::Resolver::create(offline());
  net::TlsKeys tls{clock};
  receiver::Seats seats;
  std::list<net::Loop> loops{2};
  net::Pool pool{2};
  receiver::Spooler spooler{spool, {}, log, clock, pool};
  receiver::Lasting lasting{*resolver, rates, log, log,     log,           clock,
                            spooler,   pool,  tls, nullptr, dir / "spool", ""};
  std::list<Server> servers;
  Daemon::Options options;
  std::optional<Daemon> daemon;
  std::uint16_t port = 0;
  std::thread thread;
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
  std::list<Peer> peers = in_data(8);
  ::kill(::getpid(), SIGTERM);
  for (Peer& peer : peers) {
    EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("250 "));
    EXPECT_THAT(peer.reply(), StartsWith("421 "));
  }
  thread.join();
  EXPECT_EQ(seats.taken(), 0U);
}

TEST_F(DaemonThreads, TheBoardAddsUpAllLoopsUntilTheEnd) {
  await("open", 0.0);  // the greeting of before is over
  std::list<Peer> peers = in_data(8);
  for (Peer& peer : peers)
    EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("250 "));
  await("accepted", 8.0);
  EXPECT_EQ(fact("open"), base::Cell(8.0));
  EXPECT_EQ(fact("sessions"), base::Cell(9.0));
  EXPECT_EQ(fact("limit"), base::Cell(200.0));
  peers.front().ask("MAIL FROM:<a@x.test>");
  ::kill(::getpid(), SIGTERM);
  await("draining", true);
  await("open", 1.0);
  peers.front().ask("RSET");
  thread.join();
  EXPECT_TRUE(std::filesystem::is_empty(spoolfmt::board_directory(dir / "spool")));
}

}  // namespace
