// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run against bobbin-sink: what is sent, what is written down, what is left.
#include <gtest/gtest.h>

#include <optional>

#include <chrono>

#include "base/file_lock.h"
#include "tests/e2e/run_support.h"
#include "tests/support/sink_report.h"

namespace {

using run_tests::count_of;
using run_tests::has;
using run_tests::Letter;
using run_tests::Sink;
using run_tests::slurp;
using run_tests::spill;
using run_tests::TestSpool;

TEST(Run, Q1_AnEmptySpoolIsNoTrouble) {
  TestSpool spool;
  auto end = spool.run({"-qq", "--smarthost", "127.0.0.1:1"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_TRUE(has(spool.log(), "Start queue run: pid=")) << spool.log();
  EXPECT_TRUE(has(spool.log(), "End queue run: pid=")) << spool.log();
  EXPECT_TRUE(spool.files().empty());
}

// The one whose end is on record there is gone for good.
TEST(Run, S13_10_AnEmptySpoolNeedsNoEmergencyJournal) {
  TestSpool spool;
  auto hints = spool.path() / "spool/db/bobbin";
  std::filesystem::create_directories(hints);
  spill(hints / "emergency.1", TestSpool::id(1) + " a@x.example\n");
  auto end = spool.run({"-qq", "--smarthost", "127.0.0.1:1"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_TRUE(std::filesystem::is_empty(hints));
}

TEST(Run, Q2_DeliversEveryShapeByteForByte) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  std::string all_bytes;
  for (int c = 1; c < 256; ++c)
    if (c != '\r' && c != '\n') all_bytes += static_cast<char>(c);
  std::string large;
  while (large.size() < 400'000) large += ".a line of a large message\n";
  struct Row {
    std::string id, below, options, body, expected;
  };
  const std::vector<Row> rows = {
      {TestSpool::id(1), "", "", "plain\n", "plain\n"},
      {TestSpool::id(2), "S", "", ".\n..\n.x\n", ".\n..\n.x\n"},
      {TestSpool::id(3), "", "", "no end", "no end\n"},
      {TestSpool::id(4), "S", "", all_bytes + "\n", all_bytes + "\n"},
      {TestSpool::id(5), "", "", "", ""},
      {TestSpool::id(6), "", "-spool_file_wireformat\n", "a\r\n.b\r\n", "a\n.b\n"},
      {TestSpool::id(7), "", "-spool_file_wireformat\n", "a\nb\r\n", "a\nb\n"},
      {TestSpool::id(8), "", "", large, large},
      {"1xUZAm-000000007tX-0r3b", "m", "", "long id\n", "long id\n"}};
  std::vector<std::string> expected;
  for (const Row& row : rows) {
    Letter letter{.options = row.options, .body = row.body};
    spool.put(row.id, letter, row.below);
    letter.body = row.expected;
    expected.push_back(TestSpool::sent(row.id, letter));
  }
  std::ranges::sort(expected);
  auto end = spool.run({"-qq", "--smarthost", sink.address()});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(sink.messages(), expected);
  EXPECT_TRUE(spool.files().empty()) << spool.files()[0];
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), rows.size()) << spool.log();
}

TEST(Run, S34_S35_S36_KeepsWhoWasDeferredAndOnlyThem) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"One@X.example", "later@x.example", "no@x.example"}});
  {
    Sink sink(spool.path() / "dump",
              {"--defer-rcpt", "^later@", "--reject-rcpt", "^no@"});
    auto end = spool.run({"-q", "--smarthost", sink.address()});
    EXPECT_EQ(end.status, 0) << end.err;
    ASSERT_EQ(sink.envelopes().size(), 1U);
    EXPECT_TRUE(has(sink.envelopes()[0], "One@X.example")) << sink.envelopes()[0];
  }
  std::string h = slurp(spool.file(id + "-H"));
  std::string tree = h.substr(0, h.find("\n3\n"));
  for (std::string_view done : {" One@x.example", " One@X.example", " no@x.example"})
    EXPECT_TRUE(has(tree, done)) << h;
  EXPECT_FALSE(has(tree, "later@")) << h;
  EXPECT_FALSE(has(h, "-deliver_firsttime")) << h;
  EXPECT_FALSE(std::filesystem::exists(spool.file(id + "-J")));
  EXPECT_TRUE(has(spool.log(), id + " => One@x.example R=smarthost T=remote_smtp H="));
  EXPECT_TRUE(has(spool.log(), id + " == later@x.example R=smarthost T=remote_smtp "
                                    "defer (-44) H=127.0.0.1 [127.0.0.1]: SMTP error "
                                    "from remote mail server after RCPT TO:<later@"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), id + " ** no@x.example R=smarthost T=remote_smtp H="))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), " <= <> R=" + id + " ")) << spool.log();

  Sink sink(spool.path() / "dump2");
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  ASSERT_EQ(sink.envelopes().size(), 1U) << "the bounce alone is due";
  EXPECT_TRUE(has(sink.messages()[0], "X-Failed-Recipients: no@x.example\n"));
  EXPECT_EQ(spool.run({"-qf", "--smarthost", sink.address()}).status, 0);
  ASSERT_EQ(sink.envelopes().size(), 2U);
  for (const std::string& envelope : sink.envelopes())
    EXPECT_FALSE(has(envelope, "One@")) << envelope;
  EXPECT_TRUE(spool.files().empty());
}

TEST(Run, Q38_ADeadHostIsLeftAlone) {
  TestSpool spool;
  for (unsigned i = 0; i < 30; ++i) spool.put(TestSpool::id(i), {});
  auto before = spool.files();
  auto end = spool.run({"-q", "--connections", "1", "--smarthost", "127.0.0.1:1"});
  EXPECT_EQ(end.status, 0) << end.err;
  std::vector<std::string> input;
  for (const auto& name : spool.files())
    if (name.ends_with("-H") || name.ends_with("-D")) input.push_back(name);
  EXPECT_EQ(input, before);
  EXPECT_EQ(count_of(spool.log(), " H=127.0.0.1 [127.0.0.1] Connection refused\n"), 1U)
      << spool.log();
  EXPECT_EQ(count_of(spool.log(), "defer (111): Connection refused\n"), 1U);
  EXPECT_TRUE(has(spool.log(), "27 not tried, 2 not due")) << spool.log();
}

TEST(Run, Q67_Q68_AJournalLeftOverIsHonoured) {
  for (std::string torn : {"", "thr"}) {
    TestSpool spool;
    std::string id = TestSpool::id(1);
    spool.put(id,
              {.recipients = {"one@x.example", "TWO@X.example", "three@x.example"}});
    spill(spool.file(id + "-J"), "one@x.example\nTWO@x.example\n" + torn);
    Sink sink(spool.path() / "dump");
    EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
    ASSERT_EQ(sink.envelopes().size(), 1U);
    EXPECT_EQ(count_of(sink.envelopes()[0], "rcpt "), 1U) << sink.envelopes()[0];
    EXPECT_TRUE(has(sink.envelopes()[0], "three@x.example"));
    EXPECT_TRUE(spool.files().empty());
  }
}

TEST(Run, AMessageThatEverybodyHasIsOnlyFinished) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  spill(spool.file(id + "-J"), "one@x.example\n");
  EXPECT_EQ(spool.run({"-q", "--smarthost", "127.0.0.1:1"}).status, 0);
  EXPECT_TRUE(spool.files().empty());
  EXPECT_TRUE(has(spool.log(), id + " Completed\n")) << spool.log();
}

TEST(Run, S32_Q69_ALockedMessageIsLeft) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  auto fd = base::open_file(spool.file(id + "-D"), O_RDWR);
  ASSERT_TRUE(fd);
  auto lock = base::FileLock::acquire(std::move(*fd), 19, id);
  ASSERT_TRUE(lock);
  Sink sink(spool.path() / "dump");
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_TRUE(sink.messages().empty());
  EXPECT_TRUE(has(spool.log(), id + " Spool file for " + id +
                                   " is locked (another process is handling this "
                                   "message)\n"))
      << spool.log();
}

TEST(Run, S13_10_WhatWasLockedIsTriedAgainAtTheEnd) {
  TestSpool spool;
  std::string id = TestSpool::id(1), other = TestSpool::id(2);
  spool.put(id, {});
  auto fd = base::open_file(spool.file(id + "-D"), O_RDWR);
  ASSERT_TRUE(fd);
  std::optional lock = base::FileLock::acquire(std::move(*fd), 19, id);
  ASSERT_TRUE(*lock);
  Sink slow(spool.path() / "dump", {"--delay-dot", "1000"});
  spool.put(other, {});
  support::Process run(spool.command({"-q", "--smarthost", slow.address()}));
  ASSERT_TRUE(spool.logged("is locked")) << spool.log();
  lock.reset();
  EXPECT_EQ(run.wait().status, 0);
  EXPECT_EQ(slow.messages().size(), 2U) << spool.log();
  EXPECT_TRUE(has(spool.log(), " 0 locked,")) << spool.log();
}

TEST(Run, Q4_FrozenMessagesWaitUntilForced) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {.options = "-frozen 1795259629\n"});
  Sink sink(spool.path() / "dump", {"--defer-rcpt", "."});
  EXPECT_EQ(spool.run({"-qf", "--smarthost", sink.address()}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " Message is frozen\n")) << spool.log();
  EXPECT_EQ(spool.run({"-M", id, "--smarthost", sink.address()}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " Unfrozen by forced delivery\n")) << spool.log();
  std::string h = slurp(spool.file(id + "-H"));
  EXPECT_FALSE(has(h, "-frozen"));
  EXPECT_TRUE(has(h, "-manual_thaw\n")) << h;
}

TEST(Run, Q3_Q15_RubbishIsNamedAndLeft) {
  TestSpool spool;
  spool.put(TestSpool::id(1), {});
  spool.put(TestSpool::id(2), {.options = "-frozen\n"});  // damaged
  spool.put(TestSpool::id(3), {});
  std::filesystem::remove(spool.file(TestSpool::id(3) + "-D"));
  spool.put(TestSpool::id(4), {});
  spill(spool.file(TestSpool::id(4) + "-D"), TestSpool::id(5) + "-D\nnot ours\n");
  std::filesystem::create_directory(spool.file(TestSpool::id(6) + "-H"));
  spill(spool.file("hdr." + TestSpool::id(7)), "half");
  std::string damaged = slurp(spool.file(TestSpool::id(2) + "-H"));
  Sink sink(spool.path() / "dump");
  auto end = spool.run({"-q", "--smarthost", sink.address()});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(sink.messages().size(), 1U);
  EXPECT_EQ(slurp(spool.file(TestSpool::id(2) + "-H")), damaged);
  EXPECT_EQ(count_of(spool.log(), TestSpool::id(2) + "-H: line "), 1U) << spool.log();
  EXPECT_TRUE(has(spool.log(), TestSpool::id(4) + "-D: line 1: ")) << spool.log();
  EXPECT_TRUE(has(spool.log(), "3 damaged, 1 without body")) << spool.log();
}

TEST(Run, MistakesAreAnsweredWithTheRemedy) {
  TestSpool spool;
  struct Row {
    std::vector<std::string> args;
    std::string word;
  };
  for (const Row& row :
       {Row{{"-q", "--smarthost", "a b"}, "HOST:PORT"}, Row{{}, "-q"},
        Row{{"-q30m"}, "cron"}, Row{{"-iq"}, "unrecognised"},
        Row{{"-M"}, "message ids"}, Row{{"-q", "nonsense"}, "not a message id"},
        Row{{"-R"}, "missing"}, Row{{"-qSf"}, "missing"},
        Row{{"-q", "--ramp", "0"}, "inf"}, Row{{"-Rr", "("}, "-Rr"},
        Row{{"-q", "--smarthost", ""}, "empty"},
        Row{{"-q", "--connections", "0"}, "from 1 on"}}) {
    auto end = spool.run(row.args);
    EXPECT_EQ(end.status, 64) << end.err;
    EXPECT_TRUE(has(end.err, row.word)) << end.err;
  }
}

TEST(Run, Q99_ADryRunChangesNothing) {
  TestSpool spool;
  spool.put(TestSpool::id(1), {.recipients = {"a@x.example", "b@y.example"}});
  spool.put(TestSpool::id(2), {});
  std::string before = slurp(spool.file(TestSpool::id(1) + "-H"));
  auto end = spool.run({"--dry-run", "--smarthost", "192.0.2.1"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_TRUE(has(end.out, "       2 ")) << end.out;
  EXPECT_TRUE(has(end.out, "  192.0.2.1\n")) << end.out;
  EXPECT_EQ(slurp(spool.file(TestSpool::id(1) + "-H")), before);
  EXPECT_EQ(spool.files().size(), 4U);
  EXPECT_EQ(spool.log(), "");
}

TEST(Run, OnlyTakesIdsFromStandardInput) {
  TestSpool spool;
  for (unsigned i = 1; i < 4; ++i) spool.put(TestSpool::id(i), {});
  Sink sink(spool.path() / "dump");
  auto command = spool.command({"-q", "--only", "-", "--smarthost", sink.address()});
  command.input = "junk\n 3m 333 " + TestSpool::id(2) + " <s@x>\n" + TestSpool::id(9);
  auto end = support::run(command);
  EXPECT_EQ(end.status, 1) << "one of them is not there";
  EXPECT_TRUE(has(end.err, TestSpool::id(9))) << end.err;
  EXPECT_EQ(sink.messages().size(), 1U);
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 1U);
}

TEST(Run, Q74_WhatIsUnderWayFinishesWhenToldToEnd) {
  TestSpool spool;
  for (unsigned i = 0; i < 40; ++i) spool.put(TestSpool::id(i), {});
  Sink sink(spool.path() / "dump", {"--delay-dot", "300"});
  support::Process run(
      spool.command({"-q", "--connections", "2", "--smarthost", sink.address()}));
  ASSERT_TRUE(spool.logged("Completed"));
  run.signal(SIGTERM);
  auto end = run.wait();
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(sink.messages().size(), count_of(spool.log(), " Completed\n"));
  EXPECT_LT(sink.messages().size(), 40U);
  EXPECT_EQ(spool.files().size() % 2, 0U) << "no journal is left";
}

TEST(Run, Q62_NoAnswerToTheDotIsCountedAndTheMessageKept) {
  TestSpool spool;
  spool.put(TestSpool::id(1), {});
  Sink sink(spool.path() / "dump", {"--drop-at", "dot"});
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_TRUE(has(spool.log(), "1 unknown outcomes")) << spool.log();
  EXPECT_TRUE(has(spool.log(), "in response to end of data\n")) << spool.log();
  EXPECT_TRUE(std::filesystem::exists(spool.file(TestSpool::id(1) + "-H")));
}

TEST(Run, Q22_Q29_ConnectionsAreReused) {
  TestSpool spool;
  for (unsigned i = 0; i < 300; ++i) spool.put(TestSpool::id(i), {}, i % 2 ? "S" : "");
  Sink sink(spool.path() / "dump", {"--delay", "1"});
  EXPECT_EQ(
      spool.run({"-qq", "--connections", "5", "--smarthost", sink.address()}).status,
      0);
  EXPECT_EQ(sink.messages().size(), 300U);
  std::string counts = sink.stop();
  EXPECT_TRUE(has(counts, "\"connections\":5,")) << counts;
  EXPECT_TRUE(has(counts, "\"duplicates\":0,")) << counts;
}

// That the ramp is at work meanwhile is for tests/qrunner/scan_test.cc to show.
TEST(Run, Q13_InOrderOfArrivalASiteGetsItsMessagesInTheOrderOfIds) {
  TestSpool spool;
  std::vector<std::string> ids;  // each of a second of its own
  for (unsigned second = 100; second < 200; ++second)
    ids.push_back("1xU" + std::to_string(second) + "-000001-0X");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string& id = ids[i * 37 % ids.size()];
    spool.put(id, {}, i % 3 == 0 ? id.substr(5, 1) : "");  // split, and not
  }
  auto events = spool.path() / "events";
  Sink sink(spool.path() / "dump", {"--events", events.string()});
  ASSERT_EQ(spool
                .run({"-q", "--order", "arrival", "--connections", "1", "--smarthost",
                      sink.address()})
                .status,
            0);
  std::vector<std::string> got;
  for (const auto& event : support::read_sink_events(events))
    if (event.event == "dot")
      got.push_back(event.message_id.substr(1, ids[0].size()));  // between < and @
  EXPECT_EQ(got, ids);
}

}  // namespace
