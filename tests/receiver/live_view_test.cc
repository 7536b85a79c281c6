// SPDX-License-Identifier: Apache-2.0
#include "receiver/live_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>

#include "tests/receiver/fsync_hook.h"
#include "tests/receiver/service.h"

namespace {

using base::BoardPage;
using base::Cell;
using receiver::LiveView;
using receiver::Tally;
using receiver_test::GreetedPeer;
using receiver_test::TestService;
using testing::StartsWith;

Cell fact(const BoardPage& page, const std::string& name) {
  for (const auto& [key, value] : page.facts)
    if (key == name) return value;
  return "no such fact";
}

TEST(LiveView, AddsUpWhatLoopsCounted) {
  support::TempDir dir;
  support::FakeClock clock;
  Tally smtp[2], smtps[2];
  auto board = base::SharedBoard::create(dir.path(), "receive", clock.now());
  ASSERT_TRUE(board) << board.error().text;
  std::vector<LiveView::Door> doors = {{"0.0.0.0:25", {&smtp[0], &smtp[1]}},
                                       {"0.0.0.0:465", {&smtps[0], &smtps[1]}}};
  LiveView live(std::move(*board), "late", doors, clock);
  smtp[0].open.add();
  smtp[0].sessions.add(3);
  smtp[1].took(1000);
  smtps[0].took(24);
  smtps[1].open.add(2);
  smtps[1].open.take_one();
  smtps[1].told({.code = 451, .enhanced = "", .text = ""});
  for (int code : {220, 354, 500, 554})
    smtps[1].told({.code = code, .enhanced = "", .text = ""});

  LiveView::Instant now{std::chrono::hours(1)};
  live.show({.limit = 0, .awaiting_disk = 5, .draining = false}, now);
  auto boards = base::SharedBoard::open_all(dir.path());
  ASSERT_EQ(boards->size(), 1U);
  auto page = boards->front().read();
  ASSERT_TRUE(page);
  EXPECT_EQ(page->written, clock.now());
  EXPECT_EQ(fact(*page, "queue"), Cell("late"));
  EXPECT_EQ(fact(*page, "open"), Cell(2.0));
  EXPECT_EQ(fact(*page, "limit"), Cell()) << "there is none";
  EXPECT_EQ(fact(*page, "awaiting_disk"), Cell(5.0));
  EXPECT_EQ(fact(*page, "sessions"), Cell(3.0));
  EXPECT_EQ(fact(*page, "accepted"), Cell(2.0));
  EXPECT_EQ(fact(*page, "bytes"), Cell(1024.0));
  EXPECT_EQ(fact(*page, "refused_4xx"), Cell(1.0));
  EXPECT_EQ(fact(*page, "refused_5xx"), Cell(2.0));
  EXPECT_EQ(fact(*page, "draining"), Cell(false));
  EXPECT_GT(std::get<double>(fact(*page, "rate")), 0);
  ASSERT_EQ(page->rows.size(), 2U);
  for (const auto& row : page->rows) ASSERT_EQ(row.size(), page->columns.size());
  EXPECT_EQ(page->at(page->rows[0], "address"), Cell("0.0.0.0:25"));
  EXPECT_EQ(page->at(page->rows[0], "bytes"), Cell(1000.0));
  EXPECT_EQ(page->at(page->rows[1], "refused_5xx"), Cell(2.0));
  EXPECT_EQ(page->at(page->rows[1], "open"), Cell(1.0));

  BoardPage later = live.page({.limit = 7, .awaiting_disk = 0, .draining = true},
                              now + std::chrono::minutes(1));
  EXPECT_EQ(fact(later, "limit"), Cell(7.0));
  EXPECT_EQ(fact(later, "draining"), Cell(true));
  EXPECT_LT(std::get<double>(fact(later, "rate")), 0.01);
}

TEST(LiveView, SessionsCountWhatTheyTakeAndRefuse) {
  TestService service({.policy = R"(
message_size_limit = 1000
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  deny domains = never.test
  defer domains = later.test
  accept
data:
  discard condition = ${if eq{$h_subject:}{away}}
  accept condition = ${if eq{$h_subject:}{fake}}
         control = fakereject
  accept
)"});
  const Tally& tally = service.tally();
  GreetedPeer peer(service);
  struct Row {
    std::string says, hears;
    unsigned accepted, refused_4xx, refused_5xx;
  };
  const std::string large = "Subject: large\r\n\r\n" + std::string(1100, 'x');
  for (const Row& row : std::vector<Row>{
           {"NONSENSE", "500", 0, 0, 1},
           {"MAIL FROM:<a@x.test>", "250", 0, 0, 1},
           {"RCPT TO:<b@never.test>", "550", 0, 0, 2},
           {"RCPT TO:<b@later.test>", "451", 0, 1, 2},
           {"RCPT TO:<b@y.test>", "250", 0, 1, 2},
           {"DATA", "354", 0, 1, 2},
           {"Subject: one\r\n\r\nx\r\n.", "250", 1, 1, 2},
           {"MAIL FROM:<a@x.test>", "250", 1, 1, 2},
           {"RCPT TO:<b@y.test>", "250", 1, 1, 2},
           {"DATA", "354", 1, 1, 2},
           {"Subject: away\r\n\r\nx\r\n.", "250", 2, 1, 2},
           {"MAIL FROM:<a@x.test>", "250", 2, 1, 2},
           {"RCPT TO:<b@y.test>", "250", 2, 1, 2},
           {"DATA", "354", 2, 1, 2},
           {"Subject: fake\r\n\r\nx\r\n.", "550", 3, 1, 3},
           {"MAIL FROM:<a@x.test>", "250", 3, 1, 3},
           {"RCPT TO:<b@y.test>", "250", 3, 1, 3},
           {"DATA", "354", 3, 1, 3},
           {large + "\r\n.", "552", 3, 1, 4},
       }) {
    EXPECT_THAT(peer.ask(row.says), StartsWith(row.hears)) << row.says;
    EXPECT_EQ(tally.accepted.get(), row.accepted) << row.says;
    EXPECT_EQ(tally.refused_4xx.get(), row.refused_4xx) << row.says;
    EXPECT_EQ(tally.refused_5xx.get(), row.refused_5xx) << row.says;
  }
  EXPECT_EQ(tally.open.get(), 1U);
  EXPECT_EQ(tally.sessions.get(), 1U);
  std::uint64_t logged = 0;
  std::string log = service.log_text();
  for (auto at = log.find(" S="); at != log.npos; at = log.find(" S=", at + 1))
    logged += std::strtoull(log.c_str() + at + 3, nullptr, 10);
  EXPECT_EQ(tally.bytes.get(), logged) << log;
}

TEST(LiveView, WhoWaitsForTheDiskIsSeen) {
  TestService service;
  GreetedPeer peer(service);
  EXPECT_EQ(service.spooler().waiting(), 0U);
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  std::atomic<bool> reached = false;
  std::promise<void> disk;
  auto ready = disk.get_future().share();
  receiver_test::FsyncHook hook([&](const std::string&) {
    reached = true;
    reached.notify_all();
    ready.wait();
    return 0;
  });
  peer.send("A: 1\r\n\r\nx\r\n.\r\n");
  reached.wait(false);
  EXPECT_EQ(service.spooler().waiting(), 1U);
  disk.set_value();
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  EXPECT_EQ(service.spooler().waiting(), 0U);
}

}  // namespace
