// SPDX-License-Identifier: Apache-2.0
#include "smtp/reply.h"

#include <gtest/gtest.h>

namespace smtp {
namespace {

// The replies in `bytes`, fed in pieces of `step`; an error ends the list with code 0.
std::vector<Reply> parse_all(std::string_view bytes, std::size_t step) {
  ReplyParser parser;
  std::vector<Reply> replies;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      auto reply = parser.feed(piece);
      if (!reply) return replies.push_back({}), replies;
      if (*reply) replies.push_back(**reply);
    }
  }
  EXPECT_FALSE(parser.midway());
  return replies;
}

TEST(Reply, IsFormattedLineByLine) {
  EXPECT_EQ(format_reply({250, "2.1.0", "one\ntwo"}),
            "250-2.1.0 one\r\n250 2.1.0 two\r\n");
  EXPECT_EQ(format_reply({354, "", "go"}), "354 go\r\n");
  EXPECT_EQ(format_reply({250, "", ""}), "250 \r\n");
}

TEST(Reply, NeverEmitsControlBytesOfOthers) {
  EXPECT_EQ(format_reply({550, "", "a\rb\x7f\x1b"}), "550 a?b??\r\n");
  EXPECT_EQ(reply_for_log({550, "5.1.1", "a\nb"}), "550-5.1.1 a\\n550 5.1.1 b");
}

TEST(ReplyParser, ReadsWhateverThePackets) {
  const std::string_view wire =
      "220 mx ESMTP\r\n250-mx hello\r\n250-SIZE 10\r\n250 HELP\r\n"
      "250 2.1.0 ok\r\n550-5.7.1 no\r\n550 5.7.1 way\r\n250\r\n421 \n";
  const std::vector<Reply> expected = {
      {220, "", "mx ESMTP"}, {250, "", "mx hello\nSIZE 10\nHELP"},
      {250, "2.1.0", "ok"},  {550, "5.7.1", "no\nway"},
      {250, "", ""},         {421, "", ""},
  };
  for (std::size_t step = 1; step <= wire.size(); ++step)
    EXPECT_EQ(parse_all(wire, step), expected) << step;
}

TEST(ReplyParser, TakesOnlyAStatusOfAllLines) {
  EXPECT_EQ(parse_all("550-5.1.1 a\r\n550 5.1.2 b\r\n", 99)[0],
            (Reply{550, "", "5.1.1 a\n5.1.2 b"}));
  EXPECT_EQ(parse_all("550 4.1.1 a\r\n", 99)[0].enhanced, "");  // another class
  EXPECT_EQ(parse_all("250 2.1 a\r\n", 99)[0].enhanced, "");    // not three numbers
  EXPECT_EQ(parse_all("250 2.1.0000 a\r\n", 99)[0].enhanced, "");
  EXPECT_EQ(parse_all("250 2.1.0\r\n", 99)[0].text, "2.1.0");
}

TEST(ReplyParser, GivesUpOnWhatIsNoReply) {
  for (const char* bytes : {"hello\r\n", "99 x\r\n", "199 x\r\n", "600 x\r\n",
                            "2500 x\r\n", "250_x\r\n", "\r\n", "250-a\r\n251 b\r\n"})
    EXPECT_EQ(parse_all(bytes, 99).back().code, 0) << bytes;
}

TEST(ReplyParser, IsBounded) {
  ReplyParser line;
  std::string endless(ReplyParser::kLongestLine + 1, '2');
  std::string_view bytes = endless;
  EXPECT_FALSE(line.feed(bytes));

  std::string many;
  for (std::size_t i = 0; i <= ReplyParser::kMostLines; ++i) many += "250-x\r\n";
  EXPECT_EQ(parse_all(many, 99).back().code, 0);
}

TEST(Reply, TableIsFitForTheWire) {
  for (int i = 0; i <= static_cast<int>(Standard::relay_refused); ++i) {
    Reply reply = standard(static_cast<Standard>(i));
    EXPECT_EQ(parse_all(format_reply(reply), 7), std::vector{reply});
  }
}

}  // namespace
}  // namespace smtp
