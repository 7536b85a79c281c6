// SPDX-License-Identifier: Apache-2.0
//
// What lies in the spool after a conversation, and what does not when the disk fails.
#include "receiver/spooler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <set>

#include "receiver/h_lines.h"
#include "tests/receiver/fsync_hook.h"
#include "tests/receiver/service.h"

using receiver_test::FsyncHook;
using receiver_test::GreetedPeer;
using receiver_test::id_of;
using receiver_test::Settings;
using receiver_test::TestService;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

TEST(Spooler, WritesWhatEximWouldWrite) {
  TestService service;
  GreetedPeer peer(service);
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  base::Time started = service.clock.now();
  service.clock.advance(std::chrono::milliseconds(7'250));
  std::string id = id_of(
      peer.ask("From: a\r\nMessage-ID: <1@x>\r\n\r\nline 1\r\n..\r\nline 33\r\n."));
  ASSERT_THAT(id, SizeIs(16));
  EXPECT_THAT(service.input(), ElementsAre(id + "-D", id + "-H"));
  EXPECT_EQ(service.body(id), "line 1\n.\nline 33\n");

  std::string text = service.h_text(id);
  auto h = service.h_file(id);
  auto peer_address = std::string(h.find("host_address")->value);
  auto our_address = "[127.0.0.1]:" + std::to_string(service.port);
  // RX-17: the seconds are those of 354, not of the dot.
  auto seconds = started.time_since_epoch().count() / 1'000'000;
  EXPECT_EQ(h.received, seconds);
  EXPECT_EQ(spoolfmt::MessageId::parse(id)->time().time_since_epoch().count(), seconds);
  std::string expected = id + "-H\n" + h.login + " " + std::to_string(::geteuid()) +
                         " " + std::to_string(::getegid()) +
                         "\n<a@x.test>\n1700000000 0\n" +
                         "-received_time_usec .000000\n"
                         "-received_time_complete 1700000007.250000\n"
                         "--helo_name c.test\n"
                         "-host_address " +
                         peer_address + "\n-interface_address " + our_address +
                         "\n-received_protocol esmtp\n"
                         "-body_linecount 3\n"
                         "-max_received_linelength 17\n"
                         "-deliver_firsttime\n"
                         "-tls_resumption A\n"
                         "XX\n1\nb@y.test\n\n";
  EXPECT_EQ(text.substr(0, expected.size()), expected);
  EXPECT_THAT(peer_address, testing::MatchesRegex("\\[127\\.0\\.0\\.1\\]:[0-9]+"));
  ASSERT_THAT(h.headers, SizeIs(3));
  EXPECT_THAT(h.headers[0].text, HasSubstr("\n\tfor b@y.test;\n\t"));
  EXPECT_EQ(h.headers[1].type, 'F');
  EXPECT_EQ(h.headers[2].type, 'I');

  auto size = std::to_string(h.header_size() + 17 + 1);
  std::string arrival = "a@x.test H=(c.test) [127.0.0.1] P=esmtp S=" + size;
  EXPECT_THAT(service.log_text(), HasSubstr(" " + id + " <= " + arrival + " id=1@x\n"));
  auto message_log = base::read_file(service.dir / "spool/msglog" / id);
  EXPECT_THAT(*message_log, HasSubstr(" Received from " + arrival + " id=1@x\n"));
}

TEST(Spooler, RX14_NotesNulsInTheBody) {
  TestService service;
  GreetedPeer peer(service);
  peer.open_data();
  using namespace std::string_literals;
  std::string id = id_of(peer.ask("A: \0\r\n\r\nx\0\0\r\n."s));
  EXPECT_EQ(service.body(id), "x\0\0\n"s);
  auto h = service.h_file(id);
  EXPECT_EQ(h.find("body_zerocount")->value, "2");
  EXPECT_EQ(h.headers[1].text, "A: ?\n");
}

TEST(Spooler, WritesLongIdsIntoSplitDirectories) {
  Settings settings;
  settings.split = settings.long_ids = true;
  TestService service(settings);
  GreetedPeer peer(service);
  peer.open_data();
  std::string id = id_of(peer.ask("A: 1\r\n\r\nx\r\n."));
  ASSERT_THAT(id, SizeIs(23));
  EXPECT_THAT(service.input(id.substr(5, 1)), ElementsAre(id + "-D", id + "-H"));
}

TEST(Spooler, LargeBodiesArriveWhole) {
  Settings settings;
  settings.policy = "message_size_limit = 0\nacl_smtp_rcpt = accept\n";
  TestService service(settings);
  GreetedPeer peer(service);
  peer.open_data();
  std::string wire, body;
  for (int i = 0; i < 20'000; ++i) {
    std::string line = "line " + std::to_string(i) + std::string(70, 'x');
    wire += line + "\r\n";
    body += line + "\n";
  }
  peer.send("A: 1\r\n\r\n" + wire);
  std::string id = id_of(peer.ask("."));
  ASSERT_THAT(id, SizeIs(16));
  EXPECT_EQ(service.body(id), body);
  EXPECT_EQ(service.h_file(id).find("body_linecount")->value, "20000");
}

TEST(Spooler, CountsSizesAsEximDoes) {
  spoolfmt::HFile file;
  for (std::size_t length : {999U, 1000U, 10'000U})
    file.headers.push_back({' ', std::string(length, 'x')});
  file.headers.push_back({'*', std::string(2000, 'x')});
  EXPECT_EQ(receiver::logged_size(file, 5), 999U + 1000 + 10'000 + 5 + 1 + 1 + 2 + 1);
}

TEST(Spooler, RX19_IdsAreDistinctWithoutWaitingForTheClock) {
  TestService service;  // whose clock stands still
  std::set<std::string> ids;
  GreetedPeer one(service);
  GreetedPeer two(service);
  for (int i = 0; i < 20; ++i) {
    for (GreetedPeer* peer : {&one, &two}) {
      EXPECT_THAT(peer->open_data(), StartsWith("354 "));
      ids.insert(id_of(peer->ask("A: 1\r\n\r\nx\r\n.")));
    }
  }
  EXPECT_THAT(ids, SizeIs(40));
  EXPECT_FALSE(ids.contains(""));
  EXPECT_THAT(service.input(), SizeIs(80));
}

TEST(Spooler, RX21_FailedSyncIs451AndNothingRemains) {
  for (std::string_view failing : {"-D", "hdr.", "input"}) {
    TestService service;
    GreetedPeer peer(service);
    peer.open_data();
    FsyncHook hook(
        [&](const std::string& name) { return name.contains(failing) ? EIO : 0; });
    EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("451 4.3.0 ")) << failing;
    EXPECT_THAT(service.input(), IsEmpty());
    EXPECT_TRUE(std::filesystem::is_empty(service.dir / "spool/msglog"));
    EXPECT_THAT(service.log_text(), Not(HasSubstr("<=")));
    EXPECT_THAT(service.log_text(), HasSubstr("cannot accept a message from (c.test)"));
    EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
  }
}

TEST(Spooler, FullDiskIs452AndNothingRemains) {
  TestService service;
  GreetedPeer peer(service);
  peer.open_data();
  FsyncHook hook([](const std::string&) { return ENOSPC; });
  EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("452 4.3.1 "));
  EXPECT_THAT(service.input(), IsEmpty());
}

TEST(Spooler, WithoutItsLogLineNothingIsAccepted) {
  Settings settings;
  settings.log = "/dev/full";
  TestService service(settings);
  GreetedPeer peer(service);
  peer.open_data();
  EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("452 4.3.1 "));
  EXPECT_THAT(service.input(), IsEmpty());
}

TEST(Spooler, WithoutASpoolMessagesAreRefused) {
  TestService service;
  GreetedPeer peer(service);
  std::filesystem::remove_all(service.dir / "spool");
  peer.open_data();
  EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("451 4.3.0 "));
  EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
}

TEST(Spooler, RX22_ClientThatLeavesBeforeTheReplyHasSentNothing) {
  TestService service;
  GreetedPeer peer(service);
  peer.open_data();
  std::promise<void> syncing, gone;
  int count = 0;
  FsyncHook hook([&](const std::string&) {
    if (++count == 1) {
      syncing.set_value();
      gone.get_future().wait();
    }
    return 0;
  });
  peer.send("A: 1\r\n\r\nx\r\n.\r\n");
  syncing.get_future().wait();  // the dot was read
  peer.close();
  gone.set_value();
  while (!service.log_text().contains("lost")) std::this_thread::yield();
  while (!service.input().empty()) std::this_thread::yield();
  EXPECT_THAT(service.log_text(),
              HasSubstr("SMTP connection lost (message abandoned)"));
}

TEST(Spooler, SessionsDoNotWaitForEachOthersSyncs) {
  TestService service;
  GreetedPeer slow(service);
  GreetedPeer quick(service);
  slow.open_data();
  std::promise<void> syncing, go_on;
  FsyncHook hook([&, first = true](const std::string&) mutable {
    if (std::exchange(first, false)) {
      syncing.set_value();
      go_on.get_future().wait();
    }
    return 0;
  });
  slow.send("A: 1\r\n\r\nx\r\n.\r\n");
  syncing.get_future().wait();
  EXPECT_THAT(quick.ask("NOOP"), StartsWith("250 "));
  EXPECT_THAT(quick.open_data(), StartsWith("354 "));
  go_on.set_value();
  EXPECT_THAT(id_of(slow.reply()), SizeIs(16));
}
