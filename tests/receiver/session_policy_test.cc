// SPDX-License-Identifier: Apache-2.0
//
// Conversations decided by a policy: what ACLs say, add and ask for.
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

namespace {

Settings under(std::string text) {
  Settings settings;
  settings.policy = std::move(text);
  return settings;
}

// The option's value of -H, or "(none)".
std::string option(const spoolfmt::HFile& file, std::string_view name) {
  const spoolfmt::Option* found = file.find(name);
  return found ? found->value : "(none)";
}

std::vector<std::string> headers(const spoolfmt::HFile& file) {
  std::vector<std::string> texts;
  for (const spoolfmt::Header& header : file.headers)
    if (header.type != '*') texts.push_back(header.text);
  return texts;
}

}  // namespace

TEST(SessionPolicy, NothingIsTakenUnlessAnAclSaysSo) {
  TestService service(under(""));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.ask("MAIL FROM:<a@x.test>"), StartsWith("250 "));
  EXPECT_THAT(peer.ask("RCPT TO:<b@y.test>"), StartsWith("550 5.7.1 "));
  EXPECT_THAT(peer.ask("DATA"), StartsWith("503"));
  EXPECT_THAT(service.log_text(), HasSubstr("F=<a@x.test> rejected RCPT <b@y.test>"));
}

TEST(SessionPolicy, RefusesInTheWordsOfThePolicy) {
  TestService service(under(R"(
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
begin acl
check_mail:
  deny senders = bad@x.test
       message = 553 5.1.8 we know $sender_address
       log_message = known
  defer senders = later@x.test
        message = come again
  accept
check_rcpt:
  drop domains = trap.test
       message = goodbye
  accept
)"));
  GreetedPeer peer(service);
  EXPECT_EQ(peer.ask("MAIL FROM:<bad@x.test>"), "553 5.1.8 we know bad@x.test\n");
  EXPECT_EQ(peer.ask("MAIL FROM:<later@x.test>"), "451 4.7.1 come again\n");
  EXPECT_THAT(peer.ask("MAIL FROM:<good@x.test>"), StartsWith("250 2.1.0 "));
  EXPECT_EQ(peer.ask("RCPT TO:<b@trap.test>"), "550 5.7.1 goodbye\n");
  EXPECT_TRUE(peer.at_end());
  EXPECT_THAT(service.log_text(),
              HasSubstr("H=(c.test) [127.0.0.1] rejected MAIL <bad@x.test>: known\n"));
  EXPECT_THAT(service.log_text(),
              HasSubstr("temporarily rejected MAIL <later@x.test>"));
}

TEST(SessionPolicy, ConnectAclMaySpeakOrClose) {
  TestService service(under(R"(
acl_smtp_connect = ${if eq{$sender_host_address}{127.0.0.1}{from_here}{nobody}}
begin acl
from_here:
  accept message = hello there
nobody:
  deny
)"));
  Peer peer(service.port);
  EXPECT_EQ(peer.reply(), "220 hello there\n");
  TestService closed(under("acl_smtp_connect = deny message = not you\n"));
  Peer other(closed.port);
  EXPECT_THAT(other.reply(), HasSubstr("not you"));
  EXPECT_TRUE(other.at_end());
  EXPECT_THAT(closed.log_text(), HasSubstr("rejected connection in \"connect\" ACL"));
}

TEST(SessionPolicy, RefusedHelloLeavesTheFormerOne) {
  TestService service(under(R"(
acl_smtp_helo = check_helo
acl_smtp_rcpt = accept
begin acl
check_helo:
  accept condition = ${if !eq{$sender_helo_name}{liar}}
)"));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.ask("HELO liar"), StartsWith("550 "));
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  auto file = service.h_file(id_of(peer.ask("A: 1\r\n\r\nx\r\n.")));
  EXPECT_EQ(option(file, "helo_name"), "c.test");
  EXPECT_EQ(option(file, "received_protocol"), "esmtp");
}

TEST(SessionPolicy, HeadersOfEnvelopeAclsAreSeenByTheDataAcl) {
  TestService service(under(R"(
acl_smtp_rcpt = check_rcpt
acl_smtp_data = check_data
begin acl
check_rcpt:
  accept add_header = X-Envelope: $local_part@$domain
         remove_header = X-Secret
check_data:
  accept condition = ${if eq{$h_x-envelope:}{b@y.test}}
         condition = ${if !def:h_x-secret:}
         add_header = :at_start:X-First: $h_subject:
         add_header = X-Body: $message_body
)"));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  std::string id = id_of(peer.ask("Subject: hi\r\nX-Secret: 1\r\n\r\none\r\ntwo\r\n."));
  ASSERT_THAT(id, SizeIs(16));
  auto texts = headers(service.h_file(id));
  EXPECT_EQ(texts.front(), "X-First: hi\n");
  EXPECT_THAT(texts[1], StartsWith("Received: from [127.0.0.1] (helo=c.test)\n"));
  EXPECT_EQ(texts[2], "Subject: hi\n");
  EXPECT_EQ(texts[3], "X-Envelope: b@y.test\n");
  EXPECT_EQ(texts[4], "X-Body: one two \n");
}

TEST(SessionPolicy, VariablesOfTheConnectionAndOfTheMessageAreKept) {
  TestService service(under(R"(
acl_smtp_connect = check_connect
acl_smtp_rcpt = check_rcpt
begin acl
check_connect:
  accept set acl_c_port = $received_port
check_rcpt:
  accept set acl_m_list = ${if def:acl_m_list{$acl_m_list,}}$local_part
)"));
  GreetedPeer peer(service);
  for (int round = 0; round < 2; ++round) {
    peer.ask("MAIL FROM:<a@x.test>");
    peer.ask("RCPT TO:<One@y.test>");
    peer.ask("RCPT TO:<two@y.test>");
    peer.ask("DATA");
    auto file = service.h_file(id_of(peer.ask("A: 1\r\n\r\nx\r\n.")));
    EXPECT_EQ(option(file, "aclc _port"), std::to_string(service.port));
    EXPECT_EQ(option(file, "aclm _list"), "one,two");
  }
}

// policy.md 10.2: "discard: accept and drop the message", at MAIL too, where Exim asks
// the RCPT ACL no more.
TEST(SessionPolicy, S10_2_WhatMailDiscardsIsGoneForAllRecipients) {
  TestService service(under(R"(
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
begin acl
check_mail:
  discard senders = spam@x.test
          log_message = unwanted
  accept
check_rcpt:
  deny domains = closed.test
  accept
)"));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.ask("MAIL FROM:<spam@x.test>"), StartsWith("250 "));
  EXPECT_THAT(peer.ask("RCPT TO:<b@y.test>"), StartsWith("250 "));
  EXPECT_THAT(peer.ask("RCPT TO:<b@closed.test>"), StartsWith("250 "));
  EXPECT_THAT(peer.ask("DATA"), StartsWith("354 "));
  EXPECT_THAT(id_of(peer.ask("A: 1\r\n\r\nx\r\n.")), SizeIs(16));
  EXPECT_THAT(service.input(), IsEmpty());
  EXPECT_THAT(service.log_text(), HasSubstr("F=<spam@x.test> RCPT <b@y.test>: "
                                            "discarded by MAIL ACL: unwanted"));
  EXPECT_THAT(service.log_text(), HasSubstr("=> blackhole (MAIL ACL discarded"));
  // The next message of the connection is another matter.
  peer.ask("MAIL FROM:<a@x.test>");
  EXPECT_THAT(peer.ask("RCPT TO:<b@closed.test>"), StartsWith("550 "));
  peer.ask("RCPT TO:<b@y.test>");
  peer.ask("DATA");
  EXPECT_EQ(service.h_file(id_of(peer.ask("A: 1\r\n\r\nx\r\n."))).sender, "a@x.test");
}

TEST(SessionPolicy, DiscardedMessagesAreAcceptedAndGone) {
  TestService service(under(R"(
acl_smtp_rcpt = check_rcpt
acl_smtp_data = check_data
begin acl
check_rcpt:
  discard domains = hole.test
  accept
check_data:
  discard condition = ${if def:h_x-spam:}
  accept
)"));
  GreetedPeer peer(service);
  peer.ask("MAIL FROM:<a@x.test>");
  EXPECT_THAT(peer.ask("RCPT TO:<b@hole.test>"), StartsWith("250 "));
  EXPECT_THAT(peer.ask("DATA"), StartsWith("354 "));
  EXPECT_THAT(id_of(peer.ask("A: 1\r\n\r\nx\r\n.")), SizeIs(16));
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  EXPECT_THAT(id_of(peer.ask("X-Spam: 1\r\n\r\nx\r\n.")), SizeIs(16));
  EXPECT_THAT(service.input(), IsEmpty());
  EXPECT_THAT(service.log_text(), HasSubstr("=> blackhole (RCPT ACL discarded"));
  EXPECT_THAT(service.log_text(), HasSubstr("=> blackhole (DATA ACL discarded"));
  EXPECT_THAT(service.log_text(), Not(HasSubstr("MAIL ACL discarded")));
  // One of two: the other one gets it.
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@hole.test>");
  peer.ask("RCPT TO:<c@y.test>");
  peer.ask("DATA");
  auto file = service.h_file(id_of(peer.ask("A: 1\r\n\r\nx\r\n.")));
  ASSERT_THAT(file.recipients, SizeIs(1));
  EXPECT_EQ(file.recipients[0].address, "c@y.test");
}

TEST(SessionPolicy, FrozenAndFakedMessagesAreKept) {
  TestService service(under(R"(
dsn_advertise_hosts = *
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  accept local_parts = frozen
         control = freeze
  accept local_parts = fake
         control = fakereject/no such thing
  accept
)"));
  GreetedPeer peer(service);
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<frozen@y.test>");
  peer.ask("DATA");
  std::string id = id_of(peer.ask("A: 1\r\n\r\nx\r\n."));
  EXPECT_TRUE(service.h_file(id).frozen());
  EXPECT_THAT(service.log_text(), HasSubstr(id + " frozen by ACL\n"));
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<fake@y.test> NOTIFY=SUCCESS");
  peer.ask("DATA");
  EXPECT_EQ(peer.ask("A: 1\r\n\r\nx\r\n."), "550 5.7.1 no such thing\n");
  EXPECT_THAT(service.input(), SizeIs(4));
  EXPECT_THAT(service.log_text(), HasSubstr(" (= a@x.test H=(c.test) [127.0.0.1] "));
}

TEST(SessionPolicy, RejectionAfterDataLeavesNothing) {
  TestService service(under(R"(
acl_smtp_rcpt = accept
acl_smtp_data = deny message = nothing for $recipients
)"));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  EXPECT_EQ(peer.ask("A: 1\r\n\r\nx\r\n."), "550 5.7.1 nothing for b@y.test\n");
  EXPECT_THAT(service.input(), IsEmpty());
  EXPECT_THAT(service.log_text(), HasSubstr("F=<a@x.test> rejected after DATA"));
}

TEST(SessionPolicy, NotQuitAclHearsWhy) {
  TestService service(under(R"(
acl_smtp_rcpt = drop
acl_smtp_notquit = accept logwrite = ended by $smtp_notquit_reason
)"));
  {
    GreetedPeer peer(service);
    peer.ask("MAIL FROM:<a@x.test>");
    peer.ask("RCPT TO:<b@y.test>");
    EXPECT_TRUE(peer.at_end());
  }
  while (!service.log_text().contains("ended by acl-drop")) std::this_thread::yield();
  {
    GreetedPeer peer(service);
    for (int i = 0; i < 4; ++i) peer.ask("FROBNICATE");
    EXPECT_TRUE(peer.at_end());
  }
  while (!service.log_text().contains("ended by bad-commands"))
    std::this_thread::yield();
  {
    GreetedPeer peer(service);
    EXPECT_THAT(peer.ask("QUIT"), StartsWith("221 "));
    EXPECT_TRUE(peer.at_end());
  }
  GreetedPeer(service).close();
  while (!service.log_text().contains("ended by connection-lost"))
    std::this_thread::yield();
  EXPECT_EQ(service.log_text().find("ended by \n"), std::string::npos);
}

TEST(SessionPolicy, SubmissionIsMended) {
  TestService service(under(R"(
acl_smtp_rcpt = accept control = submission
)"));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  std::string id = id_of(peer.ask("Subject: x\r\n\r\nx\r\n."));
  auto texts = headers(service.h_file(id));
  EXPECT_THAT(texts, testing::Contains("Message-Id: <E" + id + "@mx.test>\n"));
  EXPECT_THAT(texts, testing::Contains(StartsWith("Date: ")));
  EXPECT_THAT(texts, testing::Contains("From: a@x.test\n"));
}

TEST(SessionPolicy, RatesAreCountedOverConnections) {
  TestService service(under(R"(
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  deny ratelimit = 3 / 1h / strict / per_rcpt
       message = slower: $sender_rate
  accept
)"));
  for (int i = 0; i < 2; ++i) {
    GreetedPeer peer(service);
    peer.ask("MAIL FROM:<a@x.test>");
    EXPECT_THAT(peer.ask("RCPT TO:<b@y.test>"), StartsWith("250 "));
  }
  GreetedPeer peer(service);
  peer.ask("MAIL FROM:<a@x.test>");
  EXPECT_THAT(peer.ask("RCPT TO:<b@y.test>"), HasSubstr("slower: 3.0"));
}

TEST(SessionPolicy, VrfyExpnAndEtrnAreAnsweredWhereTheyAreAllowed) {
  TestService closed(under(""));
  GreetedPeer stranger(closed);
  EXPECT_THAT(stranger.ask("VRFY b@y.test"), StartsWith("252 "));
  EXPECT_THAT(stranger.ask("EXPN b@y.test"), StartsWith("550 "));
  EXPECT_THAT(stranger.ask("ETRN y.test"), StartsWith("458 "));
  TestService open(under(R"(
acl_smtp_vrfy = accept
acl_smtp_expn = accept
begin routers
list:
  driver = redirect
  local_parts = list
  data = one@y.test, two@y.test
known:
  driver = accept
  local_parts = one : two
  transport = none
begin transports
none:
  driver = appendfile
  directory = /nowhere
  maildir_format
)"));
  GreetedPeer friendly(open);
  EXPECT_EQ(friendly.ask("VRFY one@y.test"), "250 2.1.5 <one@y.test> is deliverable\n");
  EXPECT_THAT(friendly.ask("VRFY nobody@y.test"), StartsWith("550 5.1.1 "));
  EXPECT_EQ(friendly.ask("EXPN list@y.test"),
            "250-2.1.5 <one@y.test>\n250 2.1.5 <two@y.test>\n");
}

TEST(SessionPolicy, HeloMayHaveToBeVerified) {
  TestService must(under("helo_verify_hosts = *\nacl_smtp_rcpt = accept\n"));
  Peer peer(must.port);
  peer.reply();
  EXPECT_THAT(peer.ask("EHLO [192.0.2.1]"), StartsWith("550 "));
  EXPECT_THAT(peer.ask("MAIL FROM:<a@x.test>"), StartsWith("503 "));
  EXPECT_THAT(peer.ask("EHLO [127.0.0.1]"), StartsWith("250-"));
  EXPECT_THAT(peer.ask("MAIL FROM:<a@x.test>"), StartsWith("250 "));
  TestService tries(under(R"(
helo_try_verify_hosts = *
acl_smtp_rcpt = accept condition = $sender_helo_verified
)"));
  Peer liar(tries.port);
  liar.reply();
  EXPECT_THAT(liar.ask("EHLO [192.0.2.1]"), StartsWith("250-"));
  liar.ask("MAIL FROM:<a@x.test>");
  EXPECT_THAT(liar.ask("RCPT TO:<b@y.test>"), StartsWith("550 "));
  liar.ask("EHLO [127.0.0.1]");
  liar.ask("MAIL FROM:<a@x.test>");
  EXPECT_THAT(liar.ask("RCPT TO:<b@y.test>"), StartsWith("250 "));
}

TEST(SessionPolicy, DataAclKnowsItsCommand) {
  TestService service(under(R"(
acl_smtp_rcpt = accept
acl_smtp_data = accept add_header = X-Command: $smtp_command
)"));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.open_data(), StartsWith("354 "));
  std::string id = id_of(peer.ask("A: 1\r\n\r\nx\r\n."));
  EXPECT_THAT(headers(service.h_file(id)), testing::Contains("X-Command: DATA\n"));
}
