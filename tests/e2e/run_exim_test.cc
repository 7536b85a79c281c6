// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run and a real Exim on one spool: each delivers what the other queued,
// respects the other's lock, and goes on where the other was killed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/e2e/run_exim.h"
#include "tests/support/cases.h"

namespace {

using run_tests::count_of;
using run_tests::everything_to;
using run_tests::Exim;
using run_tests::has;
using run_tests::Sink;
using run_tests::slurp;
using run_tests::spill;
using run_tests::TestSpool;
namespace fs = std::filesystem;

// Until somebody holds the lock of the message, or 20 seconds have passed.
bool wait_for_lock(const fs::path& d_file) {
  for (int i = 0; i < 20'000; ++i) {
    base::Fd fd(::open(d_file.c_str(), O_RDWR | O_CLOEXEC));
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_len = 19;
    if (fd && ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
      return true;
    ::usleep(1000);
  }
  return false;
}

TEST(RunExim, WhatEximQueuedIsDelivered) {
  REQUIRE_EXIM();
  for (bool split : {false, true}) {
    TestSpool spool;
    Sink sink(spool.path() / "dump");
    Exim exim(spool, everything_to("1", split));
    std::string eight_bit;
    for (int c = 1; c < 256; ++c)
      if (c != '\n' && c != '\r') eight_bit += static_cast<char>(c);
    std::vector<std::string> expected;
    for (const std::string& body :
         {std::string("plain\n"), std::string(".\n..\n.x\n"), std::string("no end"),
          std::string(), eight_bit + "\n", std::string(200'000, 'x') + "\n"}) {
      std::string id =
          exim.queue({"one@X.example", "two@x.example"},
                     "Subject: s\n folded\nBcc: hidden@x.example\n\n" + body);
      expected.push_back(exim.run({"-Mvc", id}).out);
    }
    // By BDAT, which Exim keeps in wire format; -Mvc cannot show that one.
    std::string content = "Subject: bdat\r\nMessage-Id: <1@x>\r\n\r\n.dot\r\nend\r\n";
    auto smtp = exim.run({"-bs"},
                         "EHLO t\r\nMAIL FROM:<s@x.example>\r\n"
                         "RCPT TO:<one@x.example>\r\nBDAT " +
                             std::to_string(content.size()) + " LAST\r\n" + content +
                             "QUIT\r\n");
    ASSERT_TRUE(has(smtp.out, "250 OK id=")) << smtp.out;
    auto end = spool.run({"-qq", "--smarthost", sink.address()});
    EXPECT_EQ(end.status, 0) << end.err;
    auto messages = sink.messages();
    std::erase_if(messages, [](const std::string& text) {
      return text.ends_with("\n\n.dot\nend\n");
    });
    EXPECT_EQ(messages.size() + 1, sink.messages().size()) << "the one by BDAT";
    for (std::string& text : expected)
      if (!text.ends_with('\n')) text += '\n';
    std::ranges::sort(expected);
    EXPECT_EQ(messages, expected);
    EXPECT_TRUE(spool.files().empty()) << spool.files()[0];
    EXPECT_TRUE(exim.ids().empty());
  }
}

TEST(RunExim, S33_Q69_WhileEximDeliversWeLeaveIt) {
  REQUIRE_EXIM();
  TestSpool spool;
  Sink slow(spool.path() / "slow", {"--delay-dot", "2000"});
  Sink sink(spool.path() / "dump");
  Exim exim(spool, everything_to(slow.port()));
  std::string id = exim.queue({"one@x.example"}, "Subject: s\n\nbody\n");
  support::Process delivering(exim.command({"-M", id}));
  ASSERT_TRUE(wait_for_lock(spool.file(id + "-D")));
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " Spool file for " + id + " is locked (another"))
      << spool.log();
  EXPECT_EQ(delivering.wait().status, 0);
  EXPECT_EQ(slow.messages().size(), 1U);
  EXPECT_TRUE(sink.messages().empty());
}

TEST(RunExim, S33_Q69_WhileWeDeliverEximLeavesIt) {
  REQUIRE_EXIM();
  TestSpool spool;
  Sink slow(spool.path() / "slow", {"--delay-dot", "2000"});
  Sink sink(spool.path() / "dump");
  Exim exim(spool, everything_to(sink.port()));
  std::string id = exim.queue({"one@x.example"}, "Subject: s\n\nbody\n");
  support::Process delivering(spool.command({"-q", "--smarthost", slow.address()}));
  ASSERT_TRUE(wait_for_lock(spool.file(id + "-D")));
  exim.run({"-M", id});
  EXPECT_TRUE(has(spool.log(), id + " Spool file for " + id + " is locked (another"))
      << spool.log();
  EXPECT_EQ(delivering.wait().status, 0);
  EXPECT_EQ(slow.messages().size(), 1U);
  EXPECT_TRUE(sink.messages().empty());
}

TEST(RunExim, EximReadsWhatWeLeave) {
  REQUIRE_EXIM();
  TestSpool spool;
  Sink first(spool.path() / "first", {"--defer-rcpt", "^two@"});
  Sink second(spool.path() / "second");
  Exim exim(spool, everything_to(second.port()));
  exim.queue({"one@X.example", "two@x.example"}, "Subject: s\n\nbody\n");
  EXPECT_EQ(spool.run({"-q", "--smarthost", first.address()}).status, 0);
  EXPECT_TRUE(has(exim.run({"-bp"}).out, "        D one@X.example\n"))
      << exim.run({"-bp"}).out;
  // We ran as root, and the spool is another's.
  for (const auto& item : fs::recursive_directory_iterator(spool.path() / "spool")) {
    struct stat status{};
    ASSERT_EQ(::stat(item.path().c_str(), &status), 0) << item.path();
    EXPECT_EQ(status.st_uid, ::getpwnam("Debian-exim")->pw_uid) << item.path();
  }
  exim.run({"-qff"});
  ASSERT_EQ(second.envelopes().size(), 1U) << spool.log();
  EXPECT_FALSE(has(second.envelopes()[0], "one@")) << second.envelopes()[0];
  EXPECT_EQ(second.messages(), first.messages());
  EXPECT_TRUE(exim.ids().empty());
}

TEST(RunExim, Q76_Q77_ExigrepAndEximstatsUnderstandTheLog) {
  REQUIRE_EXIM();
  REQUIRE_PROGRAM("exigrep");
  REQUIRE_PROGRAM("eximstats");
  TestSpool spool;
  Sink sink(spool.path() / "dump", {"--defer-rcpt", "^later@"});
  Exim exim(spool, everything_to("1"));
  std::string id = exim.queue({"one@x.example", "two@x.example"}, "Subject: s\n\nb\n");
  exim.queue({"later@x.example"}, "Subject: s\n\nb\n");
  EXPECT_EQ(spool.run({"-qq", "--smarthost", sink.address()}).status, 0);
  auto log = (spool.path() / "mainlog").string();
  auto grep = support::run({.program = "/usr/sbin/exigrep", .args = {"one@", log}});
  EXPECT_EQ(count_of(grep.out, id + " => "), 1U) << grep.out;
  EXPECT_EQ(count_of(grep.out, id + " -> "), 1U) << grep.out;
  EXPECT_TRUE(has(grep.out, id + " Completed")) << grep.out;
  auto stats = support::run({.program = "/usr/sbin/eximstats", .args = {log}});
  std::istringstream lines(stats.out);
  std::map<std::string, std::string> totals;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, number;
    if (words >> name >> number) totals.emplace(name, line);
  }
  EXPECT_TRUE(has(totals["Received"], " 2 ")) << stats.out;
  EXPECT_TRUE(has(totals["Delivered"], " 2 ") || has(totals["Delivered"], " 1 "))
      << stats.out;
  EXPECT_TRUE(has(stats.out, "remote_smtp")) << stats.out;
}

// What real Exims left when they were killed in the middle of a delivery.
TEST(RunEximData, NobodyInAJournalGetsTheMessageAgain) {
  std::size_t ran = 0;
  for (const auto& set : support::find_case_sets("fixtures", "spool-exim-")) {
    for (const auto& item : fs::recursive_directory_iterator(set)) {
      std::string name = item.path().filename();
      if (!name.ends_with("-J")) continue;
      std::string id = name.substr(0, name.size() - 2);
      if (!fs::exists(item.path().parent_path() / (id + "-D"))) continue;
      TestSpool spool;
      for (const char* suffix : {"-H", "-D", "-J"})
        fs::copy_file(item.path().parent_path() / (id + suffix),
                      spool.file(id + suffix));
      Sink sink(spool.path() / "dump");
      EXPECT_EQ(spool.run({"-qff", "--smarthost", sink.address()}).status, 0);
      std::istringstream journal(slurp(item.path()));
      for (std::string done; std::getline(journal, done);)
        for (const std::string& envelope : sink.envelopes())
          EXPECT_FALSE(has(envelope, "rcpt " + done + "\n")) << item.path();
      EXPECT_TRUE(spool.files().empty()) << item.path() << spool.log();
      ++ran;
    }
  }
  if (ran == 0) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  std::cout << "cases: fixtures/spool-exim-*: " << ran << " journals\n";
}

}  // namespace
