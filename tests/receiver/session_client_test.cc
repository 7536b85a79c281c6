// SPDX-License-Identifier: Apache-2.0
//
// Conversations in which the client is not who it seemed, and messages in chunks.  XC,
// PP and RX are statements of the project's fact sheets.
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

constexpr const char* kProxied = R"(
hosts_xclient = 127.0.0.1
log_selector = +proxy +protocol_detail
acl_smtp_rcpt = accept
)";

Settings under(std::string text) {
  Settings settings;
  settings.policy = std::move(text);
  return settings;
}

std::string option(const spoolfmt::HFile& file, std::string_view name) {
  const spoolfmt::Option* found = file.find(name);
  return found ? found->value : "(none)";
}

// A message in one chunk; the reply to it.
std::string send_chunk(Peer& peer, const std::string& content) {
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  peer.send("BDAT " + std::to_string(content.size()) + " LAST\r\n" + content);
  return peer.reply();
}

}  // namespace

TEST(SessionXclient, XC1_OthersAreNotOfferedItAndRefused) {
  TestService service;
  Peer peer(service.port);
  peer.reply();
  EXPECT_THAT(peer.ask("EHLO c.test"), Not(HasSubstr("XCLIENT")));
  EXPECT_THAT(peer.ask("XCLIENT ADDR=192.0.2.7"), StartsWith("550 "));
}

TEST(SessionXclient, XC9_ClaimedClientIsLoggedAndSpooledWithItsProxy) {
  TestService service(under(kProxied));
  Peer peer(service.port);
  peer.reply();
  EXPECT_THAT(peer.ask("EHLO proxy.test"), HasSubstr("XCLIENT ADDR NAME PORT LOGIN"));
  EXPECT_THAT(peer.ask("XCLIENT ADDR=IPV6:2001:db8::1 NAME=c.example LOGIN=joe+20x"),
              StartsWith("220 "));
  EXPECT_THAT(peer.ask("MAIL FROM:<a@x.test>"), StartsWith("503 "));  // XC-3
  peer.ask("EHLO c.test");
  peer.ask("MAIL FROM:<a@x.test>");
  EXPECT_THAT(peer.ask("XCLIENT ADDR=192.0.2.8"), StartsWith("503 "));  // XC-4
  peer.ask("RCPT TO:<b@y.test>");
  peer.ask("DATA");
  std::string id = id_of(peer.ask("A: 1\r\n\r\nx\r\n."));
  auto file = service.h_file(id);
  EXPECT_EQ(option(file, "host_address"), "[2001:db8::1]:0");  // XC-6, XC-12
  EXPECT_EQ(option(file, "host_name"), "c.example");
  EXPECT_EQ(option(file, "host_auth"), "xclient");
  EXPECT_EQ(option(file, "auth_id"), "joe x");
  EXPECT_THAT(
      service.log_text(),
      HasSubstr("<= a@x.test H=c.example (c.test) [2001:db8::1] P=esmtpa PS=exe "
                "A=xclient:joe x PRX=127.0.0.1 S="));
}

TEST(SessionXclient, XC8_XC10_TheSecondReplacesAllOfTheFirst) {
  TestService service(under(kProxied));
  GreetedPeer peer(service);
  peer.ask("XCLIENT ADDR=192.0.2.7 LOGIN=joe NAME=c.example");
  peer.ask("EHLO c.test");
  EXPECT_THAT(peer.ask("XCLIENT ADDR=192.0.2.8 LOGIN=[UNAVAILABLE] NAME=[UNAVAILABLE]"),
              StartsWith("220 "));
  peer.ask("EHLO d.test");
  peer.open_data();
  auto file = service.h_file(id_of(peer.ask("A: 1\r\n\r\nx\r\n.")));
  EXPECT_EQ(option(file, "host_address"), "[192.0.2.8]:0");
  EXPECT_EQ(option(file, "host_name"), "(none)");
  EXPECT_EQ(option(file, "auth_id"), "(none)");
}

TEST(SessionXclient, ConnectAclJudgesTheClaimedClient) {
  TestService service(under(R"(
hosts_xclient = 127.0.0.1
acl_smtp_connect = accept hosts = ! 192.0.2.7
acl_smtp_rcpt = accept
)"));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.ask("XCLIENT ADDR=192.0.2.7"), StartsWith("550 "));
  EXPECT_TRUE(peer.at_end());
}

TEST(SessionProxy, PP1_PP3_HeaderNamesTheClientHoweverItIsCut) {
  TestService service(under(std::string(kProxied) + "hosts_proxy = 127.0.0.1\n"));
  Peer peer(service.port);
  for (char c : std::string("PROXY TCP4 192.0.2.7 192.0.2.25 5555 25\r\n"))
    peer.send(std::string(1, c));
  EXPECT_THAT(peer.reply(), StartsWith("220 "));
  EXPECT_THAT(peer.ask("EHLO c.test"), HasSubstr("Hello c.test [192.0.2.7]"));
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  peer.ask("DATA");
  auto file = service.h_file(id_of(peer.ask("A: 1\r\n\r\nx\r\n.")));
  EXPECT_EQ(option(file, "host_address"), "[192.0.2.7]:5555");
  EXPECT_THAT(service.log_text(), HasSubstr(" PS=pe PRX=127.0.0.1 "));
}

TEST(SessionProxy, PP5_NoHeaderNoService) {
  TestService service(under(std::string(kProxied) + "hosts_proxy = 127.0.0.1\n"));
  Peer peer(service.port);
  peer.send(std::string(108, 'P'));
  EXPECT_EQ(peer.reply(), "");
  EXPECT_THAT(service.log_text(), HasSubstr("PROXY protocol error from [127.0.0.1]: "));
}

TEST(SessionProxy, PP6_HeaderFromAStrangerIsASynchronisationError) {
  TestService service;
  Peer peer(service.port);
  peer.reply();
  EXPECT_THAT(peer.ask("PROXY TCP4 192.0.2.7 192.0.2.25 5555 25"), StartsWith("500 "));
}

TEST(SessionProxy, PP7_NoHeaderInTimeIsTheEnd) {
  TestService service(under(std::string(kProxied) +
                            "hosts_proxy = 127.0.0.1\nproxy_protocol_timeout = 1s\n"));
  Peer peer(service.port);
  EXPECT_EQ(peer.reply(), "");
  EXPECT_THAT(service.log_text(), HasSubstr("no header came in time"));
}

TEST(SessionChunks, MessageInOneChunkIsTaken) {
  TestService service;
  GreetedPeer peer(service);
  std::string reply = send_chunk(peer, "Subject: x\r\n\r\n.dot\r\nlast");
  ASSERT_THAT(id_of(reply), SizeIs(16)) << reply;
  EXPECT_EQ(service.body(id_of(reply)), ".dot\nlast\n");
  EXPECT_THAT(service.log_text(), HasSubstr(" P=esmtp K S="));
  EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
}

TEST(SessionChunks, LinesDoNotEndWhereChunksDo) {
  TestService service;
  GreetedPeer peer(service);
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  peer.send("BDAT 7\r\nA: 1\r\n\r");
  EXPECT_EQ(peer.reply(), "250 2.0.0 7 byte chunk received\n");
  peer.send("BDAT 6\r\n\n1\r\n.\r");
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  peer.send("BDAT 3 LAST\r\n\n2\n");
  EXPECT_THAT(peer.reply(), StartsWith("550 5.6.0 "));  // an LF that stands alone
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  peer.send("BDAT 7\r\nA: 1\r\n\r");
  peer.reply();
  peer.send("BDAT 6\r\n\n1\r\n.\r");
  peer.reply();
  std::string id = id_of(peer.ask("BDAT 1 LAST\r\n\n"));
  EXPECT_EQ(service.body(id), "1\n.\n");
}

TEST(SessionChunks, RX11_MalformedSizesAreNeverFollowedByCommands) {
  for (const char* line :
       {"BDAT 99999999999 LAST", "BDAT -1", "BDAT 3x LAST", "BDAT", "BDAT 5 LASTX"}) {
    TestService service;
    GreetedPeer peer(service);
    peer.ask("MAIL FROM:<a@x.test>");
    peer.ask("RCPT TO:<b@y.test>");
    EXPECT_THAT(peer.ask(line), StartsWith("501 5.5.4 ")) << line;
    EXPECT_TRUE(peer.at_end()) << line;
  }
  TestService service;
  GreetedPeer peer(service);
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  EXPECT_THAT(peer.ask("BDAT 999999999 LAST"), StartsWith("552 5.3.4 "));
}

TEST(SessionChunks, RX12_DataAndBdatDoNotMix) {
  TestService service;
  GreetedPeer peer(service);
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  peer.send("BDAT 6\r\nA: 1\r\n");
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  EXPECT_THAT(peer.ask("DATA"), StartsWith("503 "));
}

TEST(SessionChunks, RX13_RsetBetweenChunksDropsTheMessage) {
  TestService service;
  GreetedPeer peer(service);
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  std::string chunk = "A: 1\r\n\r\n";
  while (chunk.size() < 80'000) chunk += std::string(70, 'x') + "\r\n";
  peer.send("BDAT " + std::to_string(chunk.size()) + "\r\n" + chunk);
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  EXPECT_THAT(service.input(), SizeIs(1));  // -D has begun
  EXPECT_THAT(peer.ask("RSET"), StartsWith("250 "));
  EXPECT_THAT(service.input(), IsEmpty());
  EXPECT_THAT(id_of(send_chunk(peer, "A: 1\r\n\r\nx\r\n")), SizeIs(16));
}

TEST(SessionChunks, WireFormatKeepsItsLineEnds) {
  TestService service(under("spool_wireformat\nacl_smtp_rcpt = accept\n"));
  GreetedPeer peer(service);
  std::string id = id_of(send_chunk(peer, "Subject: x\r\n\r\none\r\ntwo\r\n"));
  ASSERT_THAT(id, SizeIs(16));
  EXPECT_EQ(service.body(id), "one\r\ntwo\r\n");
  EXPECT_TRUE(service.h_file(id).wire_format());
  EXPECT_EQ(option(service.h_file(id), "body_linecount"), "(none)");
}

TEST(SessionChunks, ExtensionsOfTheEnvelopeAreSpooled) {
  TestService service(under("dsn_advertise_hosts = *\nacl_smtp_rcpt = accept\n"));
  GreetedPeer peer(service);
  EXPECT_THAT(peer.ask("MAIL FROM:<j\xc3\xb6@x.test> SMTPUTF8 RET=HDRS ENVID=a+2Bb"),
              StartsWith("250 "));
  EXPECT_THAT(peer.ask("RCPT TO:<b@y.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+40y"),
              StartsWith("250 "));
  peer.ask("DATA");
  auto file = service.h_file(id_of(peer.ask("A: 1\r\n\r\nx\r\n.")));
  EXPECT_TRUE(file.has("smtputf8"));
  EXPECT_EQ(option(file, "received_protocol"), "utf8esmtp");
  EXPECT_EQ(option(file, "dsn_envid"), "a+2Bb");
  EXPECT_EQ(option(file, "dsn_ret"), "2");
  EXPECT_EQ(file.recipients[0].dsn_flags, 20U);
  EXPECT_EQ(file.recipients[0].orcpt, "rfc822;b+40y");
}
