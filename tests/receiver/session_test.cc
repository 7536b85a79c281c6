// SPDX-License-Identifier: Apache-2.0
//
// Conversations with a receiver in this process.  RX-n are the statements on the core
// receiver in the project's fact sheet.
#include "receiver/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/receiver/service.h"

using receiver_test::GreetedPeer;
using receiver_test::id_of;
using receiver_test::Peer;
using receiver_test::Settings;
using receiver_test::TestService;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

TEST(Session, RX1_EhloListsKeywordsInOrderAndHelpLast) {
  TestService service;
  Peer peer(service.port);
  EXPECT_THAT(peer.reply(), StartsWith("220 mx.test ESMTP bobbin "));
  EXPECT_EQ(peer.ask("EHLO c.test"),
            "250-mx.test Hello c.test [127.0.0.1]\n250-SIZE 100000\n"
            "250-LIMITS MAILMAX=1000 RCPTMAX=3\n250-8BITMIME\n250-PIPELINING\n"
            "250-CHUNKING\n250-SMTPUTF8\n250-ENHANCEDSTATUSCODES\n250 HELP\n");
}

TEST(Session, RX2_HeloReplyIsOneLine) {
  TestService service;
  Peer peer(service.port);
  peer.reply();
  EXPECT_EQ(peer.ask("HELO c.test"), "250 mx.test Hello c.test [127.0.0.1]\n");
}

TEST(Session, AnswersTheCommandsWithoutEffect) {
  TestService service;
  GreetedPeer peer(service);
  EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
  EXPECT_THAT(peer.ask("vrfy someone"), StartsWith("252 "));
  EXPECT_THAT(peer.ask("HELP"), StartsWith("214 "));
  EXPECT_THAT(peer.ask("RSET"), StartsWith("250 "));
  EXPECT_THAT(peer.ask("QUIT"), StartsWith("221 "));
  EXPECT_TRUE(peer.at_end());
}

TEST(Session, RX3_CommandBehindNoopIsLostSynchronisation) {
  TestService service;
  GreetedPeer peer(service);
  peer.send("NOOP\r\nNOOP\r\n");
  EXPECT_THAT(peer.reply(), StartsWith("554 "));
  EXPECT_TRUE(peer.at_end());
  EXPECT_THAT(service.log_text(),
              HasSubstr("synchronization error (next input sent too soon): rejected "
                        "\"NOOP\" H=(c.test) [127.0.0.1] next input=\"NOOP\\r\\n\""));
}

TEST(Session, RX4_GroupUpToDataIsTakenAndAByteBehindItIsNot) {
  TestService service;
  const std::string group = "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n";
  GreetedPeer good(service);
  good.send(group);
  EXPECT_THAT(good.reply(), StartsWith("250 "));
  EXPECT_THAT(good.reply(), StartsWith("250 "));
  EXPECT_THAT(good.reply(), StartsWith("354 "));
  GreetedPeer bad(service);
  bad.send(group + "x");
  EXPECT_THAT(bad.reply(), StartsWith("250 "));
  EXPECT_THAT(bad.reply(), StartsWith("250 "));
  EXPECT_THAT(bad.reply(), StartsWith("554 "));
  EXPECT_TRUE(bad.at_end());
}

TEST(Session, RX5_RepliesToAGroupLeaveInOneSegment) {
  TestService service;
  GreetedPeer peer(service);
  peer.send("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n");
  std::string packet = peer.packet();
  EXPECT_EQ(std::ranges::count(packet, '\n'), 4);
  EXPECT_THAT(packet, HasSubstr("\r\n354 "));
}

TEST(Session, RX6_QuitMayStandBehindTheDot) {
  TestService service;
  GreetedPeer peer(service);
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  peer.send("Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n");
  EXPECT_THAT(id_of(peer.reply()), SizeIs(16));
  EXPECT_THAT(peer.reply(), StartsWith("221 "));
  EXPECT_TRUE(peer.at_end());
}

TEST(Session, NextTransactionMayStandBehindTheDot) {
  TestService service;
  GreetedPeer peer(service);
  peer.open_data();
  peer.send("A: 1\r\n\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n");
  EXPECT_THAT(id_of(peer.reply()), SizeIs(16));
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  EXPECT_THAT(peer.reply(), StartsWith("354 "));
  std::string second = id_of(peer.ask("."));
  ASSERT_THAT(second, SizeIs(16));
  auto h = service.h_file(second);
  EXPECT_EQ(h.sender, "");
  ASSERT_THAT(h.recipients, SizeIs(1));
  EXPECT_EQ(h.recipients[0].address, "postmaster@mx.test");
}

TEST(Session, RX7_OddDotsMakeOneRefusedMessageAndNoCommand) {
  TestService service;
  for (const char* odd : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"}) {
    GreetedPeer peer(service);
    peer.open_data();
    peer.send("A: 1\r\n\r\nbody" + std::string(odd) +
              "MAIL FROM:<evil@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n.\r\n");
    EXPECT_THAT(peer.reply(), StartsWith("550 5.6.0 "));
    EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
    EXPECT_THAT(service.input(), IsEmpty());
  }
  EXPECT_THAT(service.log_text(), HasSubstr("F=<a@x.test> rejected after DATA: "));
}

TEST(Session, RX10_DeclaredAndRealSizesAreLimited) {
  TestService service;
  GreetedPeer peer(service);
  EXPECT_THAT(peer.ask("MAIL FROM:<a@x> SIZE=100001"), StartsWith("552 "));
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  const std::string line = std::string(998, 'x') + "\r\n";
  peer.send("A: 1\r\n\r\n");
  for (int i = 0; i < 101; ++i) peer.send(line);
  peer.send(".\r\n");
  EXPECT_THAT(peer.reply(), StartsWith("552 5.3.4 "));
  EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
  EXPECT_THAT(service.input(), IsEmpty());
}

TEST(Session, RX14_NulInACommandIs501) {
  TestService service;
  GreetedPeer peer(service);
  peer.send(std::string_view("NO\0OP\r\n", 7));
  EXPECT_THAT(peer.reply(), StartsWith("501 "));
}

TEST(Session, RX15_RecipientsBeyondTheLimitAre452AndTheFirstStay) {
  TestService service;
  GreetedPeer peer(service);
  peer.ask("MAIL FROM:<a@x>");
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(peer.ask("RCPT TO:<r" + std::to_string(i) + "@y>"), StartsWith("250 "));
  EXPECT_THAT(peer.ask("RCPT TO:<r3@y>"), StartsWith("452 4.5.3 "));
  peer.ask("DATA");
  std::string id = id_of(peer.ask("A: 1\r\n\r\nx\r\n."));
  EXPECT_THAT(service.h_file(id).recipients, SizeIs(3));
}

TEST(Session, RX16_LimitsAreThoseThatItKeeps) {
  Settings settings;
  settings.policy += "smtp_accept_max_per_connection = 2\n";
  TestService service(settings);
  Peer peer(service.port);
  peer.reply();
  EXPECT_THAT(peer.ask("EHLO c.test"), HasSubstr("LIMITS MAILMAX=2 RCPTMAX=3\n"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(peer.ask("MAIL FROM:<a@x>"), StartsWith("250 "));
    EXPECT_THAT(peer.ask("RSET"), StartsWith("250 "));
  }
  EXPECT_THAT(peer.ask("MAIL FROM:<a@x>"), StartsWith("421 "));
}

TEST(Session, RX22_EndInsteadOfDotLeavesNothingAndOneLine) {
  TestService service;
  GreetedPeer peer(service);
  peer.open_data();
  peer.send("A: 1\r\n\r\nbod");
  peer.close();
  // The session is over when the log says so.
  while (!service.log_text().contains("lost")) std::this_thread::yield();
  EXPECT_THAT(service.log_text(),
              HasSubstr("SMTP connection lost (message abandoned) from (c.test) "
                        "[127.0.0.1] F=<a@x.test>\n"));
  EXPECT_EQ(std::ranges::count(service.log_text(), '\n'), 1);
  while (!service.input().empty()) std::this_thread::yield();
}

TEST(Session, RX23_RecipientsOfARefusedSenderAreNoErrors) {
  TestService service;
  GreetedPeer peer(service);
  EXPECT_THAT(peer.ask("MAIL FROM:<a@x> SIZE=100001"), StartsWith("552 "));
  for (int i = 0; i < 10; ++i)
    EXPECT_THAT(peer.ask("RCPT TO:<b@y>"), StartsWith("503 "));
  EXPECT_THAT(peer.ask("DATA"), StartsWith("503 "));
  EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
}

TEST(Session, RX24_FourthErrorClosesTheConnection) {
  TestService service;
  for (std::string_view wrong : {"MAIL FROM:nonsense", "FROBNICATE"}) {
    GreetedPeer peer(service);
    for (int i = 0; i < 3; ++i) EXPECT_THAT(peer.ask(wrong), StartsWith("50"));
    EXPECT_THAT(peer.ask(wrong), StartsWith("421 "));
    EXPECT_TRUE(peer.at_end());
  }
}

TEST(Session, RX25_HugeHeaderSectionIs552) {
  Settings settings;
  settings.policy = "message_size_limit = 0\nacl_smtp_rcpt = accept\n";
  TestService service(settings);
  GreetedPeer peer(service);
  peer.open_data();
  const std::string line = "X: " + std::string(995, 'x') + "\r\n";
  for (int i = 0; i < 5000; ++i) peer.send(line);
  peer.send("\r\n.\r\n");
  EXPECT_THAT(peer.reply(), StartsWith("552 5.3.4 "));
  EXPECT_THAT(service.input(), IsEmpty());
}

TEST(Session, EndlessCommandLineIsAnError) {
  TestService service;
  GreetedPeer peer(service);
  peer.send(std::string(100'000, 'x'));
  EXPECT_THAT(peer.ask(""), StartsWith("500 "));
  EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
}

TEST(Session, SilentClientIsToldAndLeft) {
  Settings settings;
  settings.timeout = std::chrono::milliseconds(50);
  TestService service(settings);
  Peer peer(service.port);
  EXPECT_THAT(peer.reply(), StartsWith("220 "));
  EXPECT_THAT(peer.reply(), StartsWith("421 4.4.2 "));
  EXPECT_TRUE(peer.at_end());
  EXPECT_THAT(service.log_text(),
              HasSubstr("SMTP command timeout on connection from [127.0.0.1]\n"));
}

TEST(Session, SilentClientInContentLeavesNothing) {
  Settings settings;
  settings.timeout = std::chrono::milliseconds(300);
  TestService service(settings);
  GreetedPeer peer(service);
  peer.send("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n");
  for (int i = 0; i < 3; ++i) peer.reply();
  EXPECT_THAT(peer.reply(), StartsWith("421 4.4.2 "));
  EXPECT_TRUE(peer.at_end());
  EXPECT_THAT(service.input(), IsEmpty());
  EXPECT_THAT(service.log_text(), HasSubstr("SMTP data timeout (message abandoned)"));
}

TEST(Server, DrainTellsTheIdleAndFinishesTheBusy) {
  TestService service;
  GreetedPeer idle(service);
  GreetedPeer busy(service);
  EXPECT_THAT(busy.open_data(), StartsWith("354 "));
  service.drain();
  EXPECT_THAT(idle.reply(), StartsWith("421 4.3.2 "));
  EXPECT_TRUE(idle.at_end());
  EXPECT_THAT(id_of(busy.ask("A: 1\r\n\r\nx\r\n.")), SizeIs(16));
  EXPECT_THAT(busy.reply(), StartsWith("421 4.3.2 "));
  EXPECT_TRUE(busy.at_end());
}

TEST(Server, TurnsAwayWhatIsTooMuch) {
  Settings settings;
  settings.policy += "smtp_accept_max = 1\n";
  TestService service(settings);
  GreetedPeer first(service);
  Peer second(service.port);
  EXPECT_THAT(second.reply(), StartsWith("421 4.3.2 "));
  EXPECT_TRUE(second.at_end());
  EXPECT_THAT(first.ask("NOOP"), StartsWith("250 "));
}
