// SPDX-License-Identifier: Apache-2.0
//
// Operators at work: bobbin-top beside a run, bobbin-explain after one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/fd.h"
#include "tests/e2e/run_support.h"

namespace {

using run_tests::Sink;
using run_tests::TestSpool;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

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
