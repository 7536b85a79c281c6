// SPDX-License-Identifier: Apache-2.0
//
// Much plain mail from Postfix's smtp-source, and what goes over the wire for it.
#include <gmock/gmock.h>

#include <set>

#include "tests/e2e/receive_peers.h"

namespace {

using receive_tests::lines_of;
using receive_tests::Receiver;
using receiver_test::Peer;
using support::Outcome;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;
namespace fs = std::filesystem;

}  // namespace

TEST(ReceiveTraffic, RX5_RepliesToAGroupArriveInOneSegment) {
  Receiver receiver;
  Peer peer(receiver.port());
  peer.reply();
  peer.ask("EHLO c.test");
  peer.send(
      "MAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nRCPT TO:<c@y.test>\r\nDATA\r\n");
  std::string segment = peer.packet();
  ASSERT_THAT(lines_of(segment), SizeIs(4)) << segment;
  EXPECT_THAT(lines_of(segment)[3], StartsWith("354 "));
  EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), HasSubstr(" id="));
}

TEST(ReceiveTraffic, RX6_WhatFollowsTheDotIsHeard) {
  Receiver receiver;
  Peer peer(receiver.port());
  peer.reply();
  peer.ask("EHLO c.test");
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  peer.ask("DATA");
  peer.send(
      "A: 1\r\n\r\nx\r\n.\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@y.test>\r\nDATA\r\n");
  EXPECT_THAT(peer.reply(), HasSubstr(" id="));
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  EXPECT_THAT(peer.reply(), StartsWith("354 "));
  peer.send("A: 2\r\n\r\nx\r\n.\r\nQUIT\r\n");
  EXPECT_THAT(peer.reply(), HasSubstr(" id="));
  EXPECT_THAT(peer.reply(), StartsWith("221 "));
  EXPECT_TRUE(peer.at_end());
  EXPECT_THAT(receiver.ids(), SizeIs(2));
}

// 10,000 are for `BOBBIN_MANY=10000`.
TEST(ReceiveTraffic, RX19_SmtpSourceGetsAnIdForEachMessage) {
  REQUIRE_POSTFIX();
  fs::path root = *support::postfix_root();
  const char* many = std::getenv("BOBBIN_MANY");
  std::size_t count = many ? std::stoul(many) : 1000;
  for (const char* each : {"-d", ""}) {  // many a connection, one a connection
    Receiver receiver;
    std::vector<std::string> args = {
        "-s",       "200", "-m",   std::to_string(count), "-f", "a@x.test", "-t",
        "b@y.test", "-l",  "1000", receiver.address()};
    if (*each) args.insert(args.begin(), each);
    Outcome end = support::run(
        {.program = root / "usr/sbin/smtp-source",
         .args = args,
         .env = {"LD_LIBRARY_PATH=" + (root / "usr/lib/postfix").string()}},
        std::chrono::minutes(10));
    EXPECT_EQ(end.status, 0) << end.out << end.err;
    std::set<std::string> ids;
    std::size_t arrivals = 0;
    for (const std::string& line : lines_of(receiver.main_log()))
      if (line.contains(" <= ")) {
        ids.insert(line.substr(20, 16));
        ++arrivals;
      }
    EXPECT_EQ(arrivals, count);
    EXPECT_THAT(ids, SizeIs(count));
    EXPECT_THAT(receiver.ids(), SizeIs(count));
    EXPECT_EQ(receiver.stop().status, 0);
  }
}
