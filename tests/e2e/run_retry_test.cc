// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run and time: who is tried when, and who not; frozen messages.
#include <gtest/gtest.h>

#include "tests/e2e/run_support.h"
#include "tests/support/free_port.h"

namespace {

using run_tests::count_of;
using run_tests::has;
using run_tests::retry_times;
using run_tests::Sink;
using run_tests::TestSpool;
using run_tests::to_port;
using run_tests::to_sink;

std::string ago(std::chrono::seconds span) {
  return std::to_string(::time(nullptr) - span.count());
}

TEST(RunRetry, Q60_Q63_ARecipientThatIsPutOffWaitsForItsTime) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"one@x.example"}});
  {
    Sink sink(spool.path() / "dump", {"--defer-rcpt", "."});
    EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
    EXPECT_TRUE(has(spool.log(), id + " == one@x.example")) << spool.log();
  }
  Sink sink(spool.path() / "dump2");
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_TRUE(sink.messages().empty()) << spool.log();
  EXPECT_TRUE(has(spool.log(), "1 not due")) << spool.log();
  // The same recipient from somebody else is tried.
  spool.put(TestSpool::id(2),
            {.recipients = {"one@x.example"}, .sender = "t@x.example"});
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_EQ(sink.messages().size(), 1U) << spool.log();
  EXPECT_EQ(spool.run({"-qf", "--smarthost", sink.address()}).status, 0);
  EXPECT_EQ(sink.messages().size(), 2U);
}

TEST(RunRetry, Q56_ADeadHostHoldsFreshMessagesBack) {
  TestSpool spool;
  spool.put(TestSpool::id(1), {});
  EXPECT_EQ(spool.run({"-q", "--smarthost", "127.0.0.1:1"}).status, 0);
  spool.put(TestSpool::id(2), {});
  EXPECT_EQ(spool.run({"-q", "--smarthost", "127.0.0.1:1"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), "[127.0.0.1] Connection refused"), 1U) << spool.log();
  EXPECT_TRUE(has(spool.log(), "2 not due")) << spool.log();
}

TEST(RunRetry, Q8_ASelectionForcesItsFirstMessageAndTheOthersIfThatHelped) {
  TestSpool spool;
  std::string address;
  {
    Sink sink(spool.path() / "none");
    address = sink.address();
  }
  for (unsigned i = 0; i < 5; ++i) spool.put(TestSpool::id(i), {});
  auto run = [&](std::vector<std::string> args) {
    args.insert(args.end(), {"--smarthost", address});
    EXPECT_EQ(spool.run(args).status, 0);
    return count_of(spool.log(), "Connection refused");
  };
  auto tried = run({"-q"});
  EXPECT_EQ(run({"-q"}), tried) << "its time has not come";
  EXPECT_EQ(run({"-R", "x.example"}), tried + 2)
      << "a host and a message" << spool.log();
  EXPECT_EQ(run({"-R", "elsewhere.example"}), tried + 2);
  Sink sink(spool.path() / "dump", {}, address);
  EXPECT_EQ(spool.run({"-R", "x.example", "--smarthost", address}).status, 0);
  EXPECT_EQ(sink.messages().size(), 5U) << spool.log();
}

// A policy that sends d1, d2, ... to addresses without a route, and the rest to `sink`.
std::string to_nowhere(const Sink& sink) {
  std::string policy = to_sink(sink, "");
  return policy.insert(policy.find("all:"), R"(nowhere:
  driver = manualroute
  domains = ^d
  route_data = 224.0.0.${substr{1}{9}{$domain}}
  self = send
  transport = remote
)");
}

TEST(RunRetry, S13_10_WithoutANetworkNobodyIsJudged) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure(to_nowhere(sink));
  for (unsigned i = 1; i <= 12; ++i)
    spool.put(TestSpool::id(i), {.recipients = {"one@d" + std::to_string(i)}});
  auto end = spool.run({"-q"});
  EXPECT_EQ(end.status, 75) << end.err;
  EXPECT_TRUE(has(end.err, "the network is unreachable")) << end.err;
  std::string log = spool.log();
  EXPECT_EQ(count_of(log, "No site can be reached"), 1U) << log;
  EXPECT_FALSE(has(log, " == ")) << log;
  EXPECT_FALSE(has(retry_times(spool), "T:")) << retry_times(spool);
  EXPECT_TRUE(has(log, " 12 not tried, ")) << log;
}

TEST(RunRetry, S13_10_WithANetworkWhoCannotBeReachedIsPutOff) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure(to_nowhere(sink));
  // Too few to be our own fault.
  for (unsigned i = 1; i <= 3; ++i)
    spool.put(TestSpool::id(i), {.recipients = {"one@d" + std::to_string(i)}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == one@d"), 3U) << spool.log();
  EXPECT_EQ(count_of(spool.log(), " H=224.0.0."), 3U) << spool.log();
  // As many as you like, when somebody can be reached.
  spool.put(TestSpool::id(20), {.recipients = {"one@x.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  for (unsigned i = 4; i <= 20; ++i)
    spool.put(TestSpool::id(i),
              {.recipients = {"one@d" + std::to_string(i), "two@x.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0) << spool.log();
  EXPECT_EQ(count_of(spool.log(), " == one@d"), 20U) << spool.log();
}

TEST(RunRetry, Q54_WithoutARuleTheFirstDeferralIsTheLast) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  Sink sink(spool.path() / "dump", {"--defer-rcpt", "^one@"});
  spool.configure(to_port(sink.port(), "", ""));
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " ** one@x.example: retry timeout exceeded\n"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), " <= <> R=" + id)) << spool.log();
}

// spec 6.4: of a host whose time is over by what this run hears, everybody fails in
// this run, those too whom nobody came to try.
TEST(RunRetry, Q58_WhenAHostHasBeenFailingForTooLongAllItsMailFailsAtOnce) {
  TestSpool spool;
  std::string port = std::to_string(support::free_port());
  spool.configure(to_port(port, "", "* * F,2h,15m"));
  for (unsigned i = 0; i < 30; ++i) spool.put(TestSpool::id(i), {});
  auto time = [](std::chrono::seconds ago) {
    std::time_t at = ::time(nullptr) - ago.count();
    std::tm parts{};
    ::gmtime_r(&at, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%d-%b-%Y %H:%M:%S  ", &parts);
    return std::string(text);
  };
  using namespace std::chrono_literals;
  auto import = support::run(
      {.program = support::program("bobbin-retry"),
       .args = {"-C", (spool.path() / "bobbin.conf").string(), "--import"},
       .env = {"TZ=UTC"},
       .input = "  T:127.0.0.1:127.0.0.1:" + port + " 111 65 Connection refused\n" +
                time(5h) + time(20min) + time(5min) + "\n"});
  EXPECT_EQ(import.status, 0) << import.err;
  EXPECT_EQ(spool.run({"-qq"}).status, 0);
  std::string log = spool.log();
  EXPECT_EQ(count_of(log, " ** one@x.example R="), 30U) << log;
  EXPECT_GT(count_of(log, "have been failing for a long time"), 0U) << log;
  EXPECT_LT(count_of(log, "] Connection refused\n"), 30U) << log;
  EXPECT_TRUE(has(log, " 0 not tried, 0 not due, ")) << log;
}

TEST(RunRetry, AMessageFrozenForTooLongIsGivenUp) {
  TestSpool spool;
  spool.configure("timeout_frozen_after = 10s\n");
  std::string id = TestSpool::id(1), bounce = TestSpool::id(2);
  std::string frozen = "-frozen " + ago(std::chrono::hours(1)) + "\n";
  spool.put(id, {.recipients = {"one@x.example", "two@x.example"}, .options = frozen});
  spool.put(bounce, {.options = frozen, .sender = ""});
  // Nobody is asked where they would go.
  auto end = spool.run({"-q", "--smarthost", "nobody.invalid"});
  EXPECT_EQ(end.status, 0) << end.err;
  std::string log = spool.log();
  EXPECT_TRUE(has(log, id + " cancelled by timeout_frozen_after\n")) << log;
  EXPECT_TRUE(has(log, id + " ** one@x.example")) << log;
  EXPECT_TRUE(has(log, id + " ** two@x.example")) << log;
  EXPECT_EQ(count_of(log, " <= <> R=" + id), 1U) << log;
  EXPECT_TRUE(has(log, id + " Completed\n")) << log;
  EXPECT_TRUE(has(log, bounce + " Completed\n")) << log;
  EXPECT_EQ(count_of(log, " <= <> R=" + bounce), 0U) << log;
  EXPECT_EQ(spool.files().size(), 3U) << "the one bounce";
}

TEST(RunRetry, AFrozenMessageThawsWhenItsTimeHasCome) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure("auto_thaw = 30m\n");
  std::string id = TestSpool::id(1), fresh = TestSpool::id(2);
  spool.put(id, {.options = "-frozen " + ago(std::chrono::hours(1)) + "\n"});
  spool.put(fresh, {.options = "-frozen " + ago(std::chrono::minutes(1)) + "\n"});
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_EQ(sink.messages().size(), 1U) << spool.log();
  EXPECT_TRUE(has(spool.log(), id + " Unfrozen by auto-thaw\n")) << spool.log();
  EXPECT_TRUE(has(spool.log(), id + " Completed\n")) << spool.log();
  EXPECT_EQ(spool.files().size(), 2U);
}

TEST(RunRetry, WhoWasTriedIsNotTriedAgainInTheSameRun) {
  for (const char* how : {"-q", "-qf"}) {
    TestSpool spool;
    Sink sink(spool.path() / "dump",
              {"--defer-rcpt", "^one@", "--reject-rcpt", "^two@"});
    spool.configure(to_sink(sink, "  max_rcpt = 1\n"));
    std::string id = TestSpool::id(1);
    spool.put(id,
              {.recipients = {"one@x.example", "two@x.example", "three@x.example"}});
    EXPECT_EQ(spool.run({how}).status, 0);
    std::string log = spool.log();
    EXPECT_EQ(count_of(log, id + " == one@x.example"), 1U) << how;
    EXPECT_EQ(count_of(log, id + " ** two@x.example"), 1U) << how;
    EXPECT_EQ(count_of(log, id + " => three@x.example"), 1U) << how;
    EXPECT_EQ(count_of(log, " <= <> R=" + id), 1U) << how;
  }
}

}  // namespace
