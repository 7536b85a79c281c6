// SPDX-License-Identifier: Apache-2.0
//
// A site of several hosts: who is put off by one of them is tried at the next (Exim
// manual, "Errors in outgoing SMTP"; spec/queue-run.md 7.1, 7.2).
#include <gtest/gtest.h>

#include "tests/e2e/run_support.h"
#include "tests/support/free_port.h"

namespace {

using run_tests::count_of;
using run_tests::has;
using run_tests::retry_times;
using run_tests::Sink;
using run_tests::slurp;
using run_tests::spill;
using run_tests::TestSpool;
using run_tests::to_port;
using run_tests::to_sink;

using Faults = std::vector<std::string>;

// Two far ends, the first with faults, the second with others, and a spool that sends
// everything to the first, then the second.
struct TwoHosts {
  explicit TwoHosts(const Faults& first_faults, const Faults& second_faults = {},
                    const std::string& options = "")
      : first(spool.path() / "first", first_faults),
        second(spool.path() / "second", second_faults) {
    spool.configure(R"(
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1::)" +
                    first.port() + ":127.0.0.1::" + second.port() + R"(
  self = send
  transport = remote
begin transports
remote:
  driver = smtp
)" + options + "begin retry\n* * F,2h,15m\n");
  }

  void run(const char* how = "-qq") const {
    auto end = spool.run({how});
    EXPECT_EQ(end.status, 0) << end.err;
  }
  std::string log() const { return spool.log(); }

  TestSpool spool;
  Sink first, second;
};

const std::string kOne = TestSpool::id(1), kTwo = TestSpool::id(2);

TEST(RunHosts, S7_1_WhoIsPutOffAtRcptIsTriedAtTheNextHost) {
  TwoHosts hosts({"--defer-rcpt", "^one@"});
  hosts.spool.put(kOne, {.recipients = {"one@x.example", "two@x.example"}});
  hosts.run();
  std::string log = hosts.log();
  ASSERT_EQ(hosts.first.envelopes().size(), 1U) << log;
  ASSERT_EQ(hosts.second.envelopes().size(), 1U) << log;
  EXPECT_FALSE(has(hosts.first.envelopes()[0], "rcpt one@"));
  EXPECT_TRUE(has(hosts.second.envelopes()[0], "rcpt one@"));
  EXPECT_FALSE(has(hosts.second.envelopes()[0], "rcpt two@"));
  EXPECT_EQ(count_of(log, kOne + " H=127.0.0.1 [127.0.0.1]"), 1U) << log;
  EXPECT_TRUE(has(log, "SMTP error from remote mail server after RCPT TO:<one@x"))
      << log;
  EXPECT_EQ(count_of(log, " == "), 0U) << log;
  EXPECT_EQ(count_of(log, " Completed\n"), 1U) << log;
  EXPECT_TRUE(hosts.spool.files().empty());
  EXPECT_FALSE(has(retry_times(hosts.spool), ":one@")) << "nobody waits";
}

TEST(RunHosts, S7_2_A4xxToAnythingButRcptIsOneLineForAll) {
  for (const char* stage :
       {"mail=451 4.7.1 later", "data=451 4.7.1 later", "dot=451 4.7.1 later"}) {
    TwoHosts hosts({"--reply", stage});
    hosts.spool.put(kOne, {.recipients = {"one@x.example", "two@x.example"}});
    hosts.run();
    std::string log = hosts.log();
    EXPECT_EQ(hosts.second.messages().size(), 1U) << stage << log;
    EXPECT_EQ(count_of(log, kOne + " H=127.0.0.1 [127.0.0.1]"), 1U) << log;
    EXPECT_EQ(count_of(log, " == "), 0U) << log;
    EXPECT_EQ(count_of(log, " Completed\n"), 1U) << log;
  }
}

TEST(RunHosts, Q62_WithoutAnAnswerToTheDotTheNextHostIsTried) {
  TwoHosts hosts({"--drop-at", "dot"});
  hosts.spool.put(kOne, {});
  hosts.run();
  std::string log = hosts.log();
  EXPECT_EQ(hosts.second.messages().size(), 1U) << log;
  EXPECT_TRUE(has(log, "; 1 unknown outcomes;")) << log;
  EXPECT_EQ(count_of(log, " Completed\n"), 1U) << log;
  EXPECT_FALSE(has(retry_times(hosts.spool), kOne)) << "it goes with its message";
}

TEST(RunHosts, S7_1_AHostThatHangsUpBeforeTheDotIsPassedOver) {
  for (const char* stage : {"mail", "rcpt", "data", "body"}) {
    TwoHosts hosts({"--drop-at", stage});
    hosts.spool.put(kOne, {.recipients = {"one@x.example", "two@x.example"}});
    hosts.run();
    std::string log = hosts.log();
    EXPECT_EQ(hosts.second.messages().size(), 1U) << stage << log;
    EXPECT_EQ(count_of(log, " Completed\n"), 1U) << stage << log;
  }
}

TEST(RunHosts, S7_1_WhoIsPutOffByAllWaitsForTheLast) {
  TwoHosts hosts({"--defer-rcpt", "."}, {"--reply", "dot=452 4.3.1 full"});
  hosts.spool.put(kOne, {});
  hosts.run();
  std::string log = hosts.log();
  EXPECT_EQ(count_of(log, " == one@x.example"), 1U) << log;
  EXPECT_TRUE(has(log, "after end of data: 452 4.3.1 full")) << log;
  std::string times = retry_times(hosts.spool);
  EXPECT_TRUE(has(times, "R:one@x.example:<s@x.example>"))
      << "what the first said" << times;
  EXPECT_TRUE(has(times, hosts.second.port() + ":" + kOne))
      << "what the second said" << times;
  EXPECT_TRUE(has(slurp(hosts.spool.file(kOne + "-H")), "\nXX\n1\none@x.example\n"));
  hosts.run();
  EXPECT_TRUE(has(hosts.log(), "1 not due")) << hosts.log();
}

// As Exim 4.96 has it of an only host: what holds for all recipients has a line of its
// own, what one of them was told has none.
TEST(RunHosts, S10_WhatPutsAMessageOffIsToldOnceOfItsHost) {
  struct Row {
    Faults faults;
    const char* text;
    std::size_t lines;
    const char* key;  // "": none
  };
  for (const Row& row : {
           Row{{"--reply", "dot=451 4.7.1 later"}, "end of data: 451", 1, kOne.c_str()},
           Row{{"--reply", "dot=421 4.7.1 later"}, "end of data: 421", 1, "T:"},
           Row{{"--reply", "data=451 4.7.1 later"}, "DATA: 451", 1, kOne.c_str()},
           Row{{"--reply", "mail=451 4.7.1 later"}, "MAIL FROM", 1, kOne.c_str()},
           Row{{"--reply", "rcpt=451 4.7.1 later"}, "RCPT TO", 0, "R:one@x.example"},
           Row{{"--reply", "dot=554 5.7.1 no"}, "end of data: 554", 0, ""},
           Row{{"--reply", "connect=421 bye"}, "initial connection: 421", 1, "T:"},
           Row{{"--reply", "connect=554 bye"}, "initial connection: 554", 1, "T:"},
           Row{{"--drop-at", "mail"}, "closed connection", 1, "T:"},
           Row{{"--drop-at", "dot"}, "closed connection", 1, kOne.c_str()},
           Row{{"--drop-at", "connect"}, "closed connection", 1, "T:"},
       }) {
    SCOPED_TRACE(row.faults[1]);
    TwoHosts hosts(row.faults, {}, "  hosts_max_try = 1\n  hosts_try_chunking =\n");
    hosts.spool.put(kOne,
                    {.recipients = {"one@x.example", "two@x.example"}, .sender = ""});
    hosts.run("-q");
    std::string log = hosts.log(), line = kOne + " H=127.0.0.1 [127.0.0.1]: ";
    EXPECT_EQ(count_of(log, line), row.lines) << log;
    EXPECT_EQ(count_of(log, row.text), row.lines + 2) << log;
    if (row.lines > 0) {
      EXPECT_LT(log.find(line), log.find("one@x.example R=")) << log;
    }
    std::string times = retry_times(hosts.spool);
    EXPECT_EQ(has(times, "T:") || has(times, "R:"), *row.key != '\0') << times;
    EXPECT_TRUE(has(times, row.key)) << times;
  }
}

TEST(RunHosts, WhoIsRefusedByOneIsNotTriedAtAnother) {
  TwoHosts hosts({"--reject-rcpt", "^one@"});
  hosts.spool.put(kOne, {.recipients = {"one@x.example"}, .sender = ""});
  hosts.run();
  EXPECT_EQ(count_of(hosts.log(), kOne + " ** one@x.example"), 1U) << hosts.log();
  EXPECT_TRUE(hosts.second.envelopes().empty());
}

TEST(RunHosts, NoMoreHostsAreTriedThanHostsMaxTry) {
  TwoHosts hosts({"--defer-rcpt", "."}, {}, "  hosts_max_try = 1\n");
  hosts.spool.put(kOne, {});
  hosts.run();
  EXPECT_TRUE(hosts.second.envelopes().empty());
  EXPECT_EQ(count_of(hosts.log(), " == one@x.example"), 1U) << hosts.log();
}

TEST(RunHosts, ATransportHasHostsForWhenAllElseFails) {
  TestSpool spool;
  Sink first(spool.path() / "first", {"--reply", "mail=451 4.7.1 later"}),
      last(spool.path() / "last");
  spool.configure(
      to_sink(first, "  fallback_hosts = 127.0.0.1::" + last.port() + "\n"));
  spool.put(kOne, {});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(last.messages().size(), 1U) << spool.log();
}

// 451 for one message at a host is that message's alone.
TEST(RunHosts, S5_1_AMessageWaitsForItsOwnTimeAtAHost) {
  TestSpool spool;
  std::string port;
  {
    Sink sink(spool.path() / "dump", {"--reply", "dot=451 4.7.1 later"});
    port = sink.port();
    spool.configure(to_sink(sink, ""));
    spool.put(kOne, {});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
    EXPECT_TRUE(has(retry_times(spool), port + ":" + kOne)) << retry_times(spool);
  }
  Sink sink(spool.path() / "dump2", {}, "127.0.0.1:" + port);
  // Alone, and behind another one that has a connection open.
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(sink.messages().size(), 0U) << spool.log();
  EXPECT_TRUE(has(spool.log(), "1 not due")) << spool.log();
  spool.put(kTwo, {});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(sink.messages().size(), 1U) << spool.log();
  EXPECT_EQ(spool.run({"-qf"}).status, 0);
  EXPECT_EQ(sink.messages().size(), 2U) << spool.log();
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 2U);
}

// Connections until the first message was answered.
std::size_t begun_with(const TestSpool& spool) {
  auto events = spool.path() / "events";
  Sink sink(spool.path() / "dump", {"--delay-dot", "200", "--events", events.string()},
            "127.0.0.1:" + slurp(spool.path() / "port"));
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  sink.stop();
  std::string seen = slurp(events);
  return count_of(seen.substr(0, seen.find("\"answered\"")), "\"connect\"");
}

TEST(RunHosts, S13_6_HalfOfTheWindowThatARunLearnedIsWhereTheNextBegins) {
  TestSpool spool;
  {
    Sink sink(spool.path() / "none");
    spool.configure(to_sink(sink, ""));
    spill(spool.path() / "port", sink.port());
  }
  for (unsigned i = 0; i < 160; ++i) spool.put(TestSpool::id(i), {});
  EXPECT_LE(begun_with(spool), 3U);
  for (unsigned i = 200; i < 360; ++i) spool.put(TestSpool::id(i), {});
  EXPECT_GT(begun_with(spool), 3U) << spool.log();
}

TEST(RunHosts, S13_6_ADeadSiteIsProbedWhenItsTimeHasCome) {
  TestSpool spool;
  std::string port = std::to_string(support::free_port());
  spool.configure(to_port(port, "", "* * F,1h,1s"));
  for (unsigned i = 0; i < 20; ++i) spool.put(TestSpool::id(i), {});
  support::Process run(spool.command({"-qq", "--follow"}));
  ASSERT_TRUE(spool.logged("Connection refused")) << spool.log();
  Sink sink(spool.path() / "dump", {}, "127.0.0.1:" + port);
  for (unsigned i = 0; i < 20; ++i)
    EXPECT_TRUE(spool.logged(TestSpool::id(i) + " Completed\n")) << spool.log();
  run.signal(SIGTERM);
  EXPECT_EQ(run.wait().status, 0);
  EXPECT_EQ(sink.messages().size(), 20U);
}

TEST(RunHosts, WhatWaitsForItsTimeIsNotDueInADryRun) {
  TestSpool spool;
  Sink sink(spool.path() / "dump", {"--defer-rcpt", "."});
  spool.configure(to_sink(sink, ""));
  spool.put(kOne, {});
  EXPECT_TRUE(has(spool.run({"-q", "--dry-run"}).out, "127.0.0.1"));
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.run({"-q", "--dry-run"}).out, "(not due)"));
  EXPECT_FALSE(has(spool.run({"-qf", "--dry-run"}).out, "(not due)"));
}

// Greylisting by the first of two, as many do: everything goes to the second at once,
// over connections that are used again.
TEST(RunHosts, AWholeQueueGoesOn) {
  TwoHosts hosts({"--defer-rcpt", "."});
  for (unsigned i = 0; i < 100; ++i) hosts.spool.put(TestSpool::id(i), {});
  hosts.run();
  EXPECT_EQ(hosts.second.messages().size(), 100U);
  EXPECT_EQ(count_of(hosts.log(), " Completed\n"), 100U);
  EXPECT_TRUE(hosts.spool.files().empty());
  std::string counts = hosts.second.stop();
  auto at = counts.find("\"connections\":");
  ASSERT_NE(at, counts.npos) << counts;
  EXPECT_LE(std::stoul(counts.substr(at + 14)), 40U) << counts;
}

}  // namespace
