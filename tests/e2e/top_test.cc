// SPDX-License-Identifier: Apache-2.0
//
// Operators at work: bobbin-top beside runs and receivers, bobbin-explain after one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/fd.h"
#include "tests/e2e/run_support.h"
#include "tests/receiver/peer.h"

namespace {

using receiver_test::Peer;
using run_tests::has;
using run_tests::Sink;
using run_tests::TestSpool;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

support::Command tool(const TestSpool& spool, const char* name,
                      std::vector<std::string> args) {
  args.insert(args.begin(), {"-C", (spool.path() / "bobbin.conf").string()});
  return {.program = support::program(name), .args = std::move(args)};
}

support::Outcome top(const TestSpool& spool, std::vector<std::string> args) {
  return support::run(tool(spool, "bobbin-top", std::move(args)));
}

// The value of `"name":` in a line of JSON, up to the next comma; empty: it is not
// there.
std::string member(const std::string& json, const std::string& name) {
  auto at = json.find("\"" + name + "\":");
  if (at == json.npos) return "";
  at += name.size() + 3;
  return json.substr(at, json.find_first_of(",}", at) - at);
}

// Looks until it is as it should be, a minute at most.
template <class Good>
std::string snapshot_that(const TestSpool& spool, Good good) {
  std::string seen;
  auto deadline = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < deadline) {
    auto end = top(spool, {"--snapshot", "--json"});
    EXPECT_EQ(end.status, 0) << end.err;
    seen = end.out;
    if (good(seen)) return seen;
    std::this_thread::sleep_for(20ms);
  }
  ADD_FAILURE() << "never seen; the last was: " << seen;
  return seen;
}

class Top : public testing::Test {
 protected:
  static constexpr unsigned kMessages = 120;

  Top() {
    for (unsigned i = 0; i < kMessages; ++i) spool_.put(TestSpool::id(i), {});
  }

  support::Command run() {
    return spool_.command({"-q", "--connections", "1", "--smarthost", sink_.address()});
  }

  TestSpool spool_;
  Sink sink_{spool_.path() / "dump", {"--delay-dot", "50"}};
};

TEST_F(Top, ShowsASitePausesItAndLetsItGoOn) {
  EXPECT_EQ(top(spool_, {"--snapshot", "--json"}).out, "");
  EXPECT_EQ(top(spool_, {"--pause", "x"}).status, 66) << "there is no run";
  support::Process process(run());
  std::string json = snapshot_that(spool_, [](const std::string& seen) {
    return !member(seen, "site").empty() && member(seen, "delivered") != "0";
  });
  EXPECT_THAT(
      json,
      HasSubstr("{\"kind\":\"run\",\"pid\":" + std::to_string(process.pid()) + ","));
  std::string site = member(json, "site");
  EXPECT_THAT(site, HasSubstr("127.0.0.1"));
  EXPECT_EQ(json.substr(json.find("\"table\"")).find("\"open\":1,") == json.npos, false)
      << json;
  EXPECT_THAT(json, HasSubstr("\"last_reply\":\"250 "));
  EXPECT_THAT(json, HasSubstr("\"paused\":false"));
  auto table = top(spool_, {"--snapshot"});
  EXPECT_THAT(table.out, HasSubstr("LAST REPLY\n"));
  EXPECT_THAT(table.out, HasSubstr("127.0.0.1"));

  auto refused = top(spool_, {"--pause", "nowhere.example"});
  EXPECT_EQ(refused.status, 69);
  EXPECT_THAT(refused.err, HasSubstr("no site 'nowhere.example' in this run"));
  std::string name = site.substr(1, site.size() - 2);
  ASSERT_EQ(top(spool_, {"--pause", name}).status, 0);
  json = snapshot_that(spool_, [](const std::string& seen) {
    return seen.find("\"paused\":true") != seen.npos &&
           member(seen.substr(seen.find("\"table\"")), "open") == "0";
  });
  // Nothing moves: the next page, which is another, says the same.
  std::string still = snapshot_that(spool_, [&](const std::string& seen) {
    return member(seen, "written") != member(json, "written");
  });
  EXPECT_EQ(member(still, "delivered"), member(json, "delivered"));
  EXPECT_FALSE(spool_.files().empty());

  ASSERT_EQ(top(spool_, {"--pace", name + "=1000", "--resume", name}).status, 0);
  EXPECT_EQ(process.wait().status, 0);
  EXPECT_TRUE(spool_.files().empty());
  EXPECT_EQ(sink_.messages().size(), kMessages);
  EXPECT_EQ(top(spool_, {"--snapshot", "--json"}).out, "") << "its board is gone";
}

TEST_F(Top, ARunThatIsPausedCanBeToldToEnd) {
  support::Process process(run());
  std::string json = snapshot_that(
      spool_, [](const std::string& seen) { return !member(seen, "site").empty(); });
  ASSERT_EQ(
      top(spool_, {"--pause", member(json.substr(json.find("\"table\"")), "number")})
          .status,
      0);
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().status, 0);
  EXPECT_FALSE(spool_.files().empty());
}

// A thousand connections wait for a sink that does not answer, and other sites for a
// connection: how fast the answer comes with 100,000 sites is for
// `scripts/bench run --domains 100000 --watch 0.2` to say; here it is how much.
TEST(TopOfManySites, Q100_TheBusiestAreShownAndTheRestIsASum) {
  const unsigned sites = run_tests::full() ? 100'000 : 1300;
  TestSpool spool;
  for (unsigned i = 0; i < sites; ++i)
    spool.put(TestSpool::id(i),
              {.recipients = {"one@d" + std::to_string(i) + ".example"}});
  Sink sink(spool.path() / "dump", {"--delay-dot", "600000"}, "0.0.0.0:0");
  spool.configure(R"(
begin routers
each:
  driver = manualroute
  route_data = ${if match{$domain}{\N^d(\d+)\.\N}{\
    127.${eval:1+$1/62500}.${eval:$1%250}.${eval:$1/250%250+1}}}
  self = send
  transport = remote
begin transports
remote:
  driver = smtp
  port = )" + sink.port() +
                  "\n");
  support::Process process(spool.command({"-q", "--ramp", "1"}));
  std::string json = snapshot_that(spool, [&](const std::string& seen) {
    return member(seen, "sites") == std::to_string(sites) &&
           member(seen, "open") == "1000";
  });
  EXPECT_EQ(run_tests::count_of(json, "\"last_reply\""), 1000U);
  EXPECT_EQ(member(json, "rest_sites"), std::to_string(sites - 1000));
  EXPECT_LT(json.size(), 1U << 20);
  process.signal(SIGKILL);
  process.wait();
}

TEST_F(Top, OnATerminalKeysAreHeardAndTheTerminalIsAsItWas) {
  support::Process process(run());
  std::string json = snapshot_that(
      spool_, [](const std::string& seen) { return !member(seen, "site").empty(); });
  int master = -1;
  winsize size{.ws_row = 20, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
  auto command = tool(spool_, "bobbin-top", {});
  pid_t child = ::forkpty(&master, nullptr, nullptr, &size);
  if (child == 0) {
    ::execl(command.program.c_str(), "bobbin-top", command.args[0].c_str(),
            command.args[1].c_str(), nullptr);
    ::_exit(127);
  }
  base::Fd terminal(master);
  std::string shown;
  auto read_until = [&](std::string_view what) {
    char buffer[4096];
    while (shown.find(what) == shown.npos) {
      ssize_t got = ::read(master, buffer, sizeof buffer);
      if (got <= 0) return false;
      shown.append(buffer, static_cast<std::size_t>(got));
    }
    return true;
  };
  ASSERT_TRUE(read_until("127.0.0.1")) << shown;
  ASSERT_EQ(::write(master, "p", 1), 1);
  snapshot_that(spool_, [](const std::string& seen) {
    return seen.find("\"paused\":true") != seen.npos;
  });
  ASSERT_EQ(::write(master, "p", 1), 1);
  snapshot_that(spool_, [](const std::string& seen) {
    return seen.find("\"paused\":true") == seen.npos;
  });
  ASSERT_EQ(::kill(child, SIGTERM), 0);
  EXPECT_TRUE(read_until("\x1b[?25h\x1b[?1049l")) << "the other screen is left";
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(process.wait().status, 0);
}

// A receiver of the spool, at a port of its own.
class Receiver {
 public:
  explicit Receiver(const TestSpool& spool, std::vector<std::string> args = {})
      : process_(command(spool, std::move(args))), pid_(process_.pid()) {
    constexpr std::string_view kMark = "listening on ";
    EXPECT_TRUE(process_.saw(kMark)) << process_.err();
    EXPECT_TRUE(process_.saw("\n"));
    address_ = process_.out().substr(kMark.size());
    address_ = address_.substr(0, address_.find('\n'));
  }

  const std::string& address() const { return address_; }
  std::uint16_t port() const {
    return static_cast<std::uint16_t>(
        std::atoi(address_.substr(address_.find(':') + 1).c_str()));
  }
  support::Process& process() { return process_; }
  // How its line of JSON begins.
  std::string mark() const {
    return "{\"kind\":\"receive\",\"pid\":" + std::to_string(pid_) + ",";
  }
  fs::path board(const TestSpool& spool) const {
    return spool.path() / "spool/db/bobbin/board" / ("receive-" + std::to_string(pid_));
  }

 private:
  static support::Command command(const TestSpool& spool,
                                  std::vector<std::string> args) {
    args.insert(args.end(), {"--listen", "127.0.0.1:0"});
    return tool(spool, "bobbin-receive", std::move(args));
  }

  support::Process process_;
  pid_t pid_;
  std::string address_;
};

// The line of that process in a snapshot; empty: it is not there.
std::string line_of(const std::string& seen, const std::string& mark) {
  auto at = seen.find(mark);
  return at == seen.npos ? "" : seen.substr(at, seen.find('\n', at) - at);
}

class TopReceive : public testing::Test {
 protected:
  TopReceive() {
    spool_.configure(R"(smtp_accept_max = 20
acl_smtp_rcpt = ${if eq{$domain}{y.test}{accept}{\
                  ${if eq{$domain}{later.test}{defer}{deny}}}}
)");
  }

  // As far as it gets; true if it was taken.
  static bool send(Peer& peer, const std::string& recipient) {
    peer.reply();
    peer.ask("EHLO c.test");
    peer.ask("MAIL FROM:<a@x.test>");
    if (!peer.ask("RCPT TO:<b@" + recipient + ">").starts_with("250")) return false;
    peer.ask("DATA");
    return peer.ask("Subject: s\r\n\r\nbody\r\n.").starts_with("250");
  }
  static bool send(const Receiver& to, const std::string& recipient) {
    Peer peer(to.port());
    return send(peer, recipient);
  }

  TestSpool spool_;
};

TEST_F(TopReceive, CountsWhatAReceiverDoesBesideOthers) {
  Receiver one(spool_, {"--threads", "2"});
  snapshot_that(spool_, [&](const std::string& seen) { return has(seen, one.mark()); });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(send(one, "y.test"));
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(send(one, "never.test"));
  EXPECT_FALSE(send(one, "later.test"));
  Peer open(one.port());
  EXPECT_TRUE(send(open, "y.test"));
  std::string json = snapshot_that(spool_, [&](const std::string& seen) {
    return member(seen, "accepted") == "4" && member(seen, "open") == "1";
  });
  json = line_of(json, one.mark());
  EXPECT_EQ(member(json, "limit"), "20");
  EXPECT_EQ(member(json, "sessions"), "7");
  EXPECT_EQ(member(json, "refused_4xx"), "1");
  EXPECT_EQ(member(json, "refused_5xx"), "2");
  EXPECT_EQ(member(json, "awaiting_disk"), "0");
  EXPECT_EQ(member(json, "draining"), "false");
  EXPECT_EQ(member(json, "address"), '"' + one.address() + '"');
  EXPECT_GT(std::atof(member(json, "rate").c_str()), 0);
  std::uint64_t bytes = 0;
  std::string log = spool_.log();
  for (auto at = log.find(" S="); at != log.npos; at = log.find(" S=", at + 1))
    bytes += std::strtoull(log.c_str() + at + 3, nullptr, 10);
  EXPECT_EQ(member(json, "bytes"), std::to_string(bytes));

  // One more receiver, and a run: each has a line and a table of its own.
  Receiver two(spool_);
  EXPECT_TRUE(send(two, "y.test"));
  Sink sink(spool_.path() / "dump", {"--delay-dot", "1000"});
  support::Process run(
      spool_.command({"-q", "--connections", "1", "--smarthost", sink.address()}));
  std::string all = snapshot_that(spool_, [&](const std::string& seen) {
    return has(seen, "{\"kind\":\"run\"") &&
           member(line_of(seen, two.mark()), "accepted") == "1" &&
           member(line_of(seen, two.mark()), "open") == "0";
  });
  EXPECT_EQ(member(line_of(all, one.mark()), "accepted"), "4");
  EXPECT_EQ(run_tests::count_of(all, "\n"), 3U) << all;
  std::string table = top(spool_, {"--snapshot"}).out;
  EXPECT_EQ(run_tests::count_of(table, "LISTENING ON"), 2U) << table;
  EXPECT_THAT(table, HasSubstr("\n  " + two.address() + " "));
  auto only = top(spool_, {"--snapshot", "--pid", std::to_string(two.process().pid())});
  EXPECT_EQ(run_tests::count_of(only.out, "LISTENING ON"), 1U) << only.out;
  EXPECT_EQ(top(spool_, {"--pid", std::to_string(one.process().pid()), "--pause", "x"})
                .status,
            66)
      << "no queue run";
  EXPECT_EQ(run.wait().status, 0);

  // It drains, and is gone.
  EXPECT_THAT(open.ask("MAIL FROM:<a@x.test>"), testing::StartsWith("250"));
  one.process().signal(SIGTERM);
  snapshot_that(spool_, [&](const std::string& seen) {
    return member(line_of(seen, one.mark()), "draining") == "true";
  });
  open.close();
  EXPECT_EQ(one.process().wait().status, 0);
  EXPECT_FALSE(fs::exists(one.board(spool_)));
  EXPECT_EQ(line_of(top(spool_, {"--json"}).out, one.mark()), "");
}

TEST_F(TopReceive, OneThatWasKilledIsNotShownAndItsBoardGoesWithTheNextStart) {
  Receiver one(spool_), two(spool_);
  EXPECT_TRUE(send(one, "y.test"));
  one.process().signal(SIGKILL);
  EXPECT_EQ(one.process().wait().status, 128 + SIGKILL);
  EXPECT_TRUE(fs::exists(one.board(spool_)));
  std::string seen = top(spool_, {"--json"}).out;
  EXPECT_EQ(line_of(seen, one.mark()), "");
  EXPECT_NE(line_of(seen, two.mark()), "") << seen;
  Receiver three(spool_);
  EXPECT_FALSE(fs::exists(one.board(spool_)));
  EXPECT_TRUE(fs::exists(two.board(spool_)));
  snapshot_that(spool_, [&](const std::string& now) { return has(now, three.mark()); });
  EXPECT_NE(line_of(top(spool_, {"--json"}).out, two.mark()), "");
}

TEST_F(TopReceive, WhereNoBoardCanHangMailIsTakenAllTheSame) {
  fs::create_directories(spool_.path() / "spool/db/bobbin");
  run_tests::spill(spool_.path() / "spool/db/bobbin/board", "in the way");
  Receiver one(spool_);
  EXPECT_TRUE(send(one, "y.test"));
  one.process().signal(SIGTERM);
  auto end = one.process().wait();
  EXPECT_EQ(end.status, 0);
  EXPECT_EQ(run_tests::count_of(end.err, "bobbin-top will not show this receiver"), 1U)
      << end.err;
  EXPECT_THAT(spool_.log(), HasSubstr("bobbin-top will not show this receiver: "));
}

TEST(Explain, NamesTheReplyAndTheNextTry) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"one@x.example", "later@x.example"}});
  auto explain = [&](std::vector<std::string> args) {
    return support::run(tool(spool, "bobbin-explain", std::move(args)));
  };
  auto before = explain({id});
  EXPECT_EQ(before.status, 0) << before.err;
  EXPECT_THAT(before.out, HasSubstr("later@x.example has never been tried"));
  {
    Sink sink(spool.path() / "dump", {"--defer-rcpt", "^later@"});
    ASSERT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  }
  auto files = spool.files();
  auto after = explain({id});
  EXPECT_EQ(after.status, 0) << after.err;
  EXPECT_THAT(after.out, HasSubstr("one@x.example is done."));
  EXPECT_THAT(after.out, HasSubstr("later@x.example waits until 20"));
  EXPECT_THAT(after.out, HasSubstr("RCPT TO:<later@x.example>: 450"));
  EXPECT_THAT(after.out, HasSubstr("1 attempt since"));
  EXPECT_THAT(
      explain({"--json", id}).out,
      HasSubstr(R"("address":"later@x.example","state":"waiting","until":"20)"));

  // And of a host that does not answer.
  std::string other = TestSpool::id(2);
  spool.put(other, {});
  ASSERT_EQ(spool.run({"-q", "--smarthost", "127.0.0.1:1"}).status, 0);
  auto dead = explain({other});
  EXPECT_THAT(dead.out, HasSubstr("one@x.example waits until 20"));
  EXPECT_THAT(dead.out, HasSubstr("Connection refused"));
  EXPECT_THAT(dead.out, HasSubstr("T:[127.0.0.1]:127.0.0.1:1"));
  EXPECT_EQ(explain({"1xUj2S-999999-0X"}).status, 66);
}

}  // namespace
