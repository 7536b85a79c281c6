// SPDX-License-Identifier: Apache-2.0
#include "receiver/content.h"

#include <gtest/gtest.h>

namespace {

using receiver::Content;

struct Read {
  std::string headers, body;
  std::optional<smtp::Reply> refusal;
  std::size_t used = 0;  // bytes of the wire that were the message
};

Read read(Content& content, std::string_view wire, std::size_t cut) {
  Read result;
  for (std::string_view piece : {wire.substr(0, cut), wire.substr(cut)}) {
    result.used += content.feed(piece);
    result.body += content.body();
    content.body_taken();
  }
  for (const auto& header : content.headers()) result.headers += header.text;
  result.refusal = content.refusal();
  return result;
}

TEST(Content, RX9_UndoesDotsInHeadersAndBody) {
  const std::string wire =
      "A: 1\r\n..B: 2\r\n\r\n.x\r\n..x\r\n..\r\n...\r\n.\r\nQUIT\r\n";
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    Content content({.size = 0}, smtp::LineEndings::reject);
    Read got = read(content, wire, cut);
    EXPECT_TRUE(content.done());
    EXPECT_EQ(got.used, wire.size() - 6);
    EXPECT_EQ(got.headers, "A: 1\n.B: 2\n");
    EXPECT_EQ(got.body, "x\n.x\n.\n..\n");
    EXPECT_EQ(content.body_lines(), 4U);
    EXPECT_FALSE(got.refusal);
  }
}

TEST(Content, RX7_OnlyCrlfDotCrlfEndsAndOthersAreRefused) {
  for (std::string_view odd :
       {std::string_view("\n.\n"), std::string_view("\n.\r\n"),
        std::string_view("\r\n.\n"), std::string_view("\r.\r"),
        std::string_view("\r\n.\r"), std::string_view("\r\n\0.\r\n", 6)}) {
    const std::string wire =
        "A: 1\r\n\r\nbody" + std::string(odd) + "MAIL FROM:<evil@x>\r\nmore\r\n.\r\n";
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
      Content content({.size = 0}, smtp::LineEndings::reject);
      Read got = read(content, wire, cut);
      EXPECT_TRUE(content.done());
      EXPECT_EQ(got.used, wire.size()) << "cut at " << cut;
      bool bare = odd.find('\0') == odd.npos;
      EXPECT_EQ(got.refusal.has_value(), bare);
      if (bare) {
        EXPECT_EQ(got.refusal->code, 550);
        EXPECT_EQ(got.refusal->enhanced, "5.6.0");
      }
    }
  }
}

TEST(Content, RX14_CountsNulsOfTheBodyOnly) {
  Content content({.size = 0}, smtp::LineEndings::reject);
  using namespace std::string_view_literals;
  Read got = read(content, "A: \0\r\n\r\n\0x\0\r\n.\r\n"sv, 5);
  EXPECT_EQ(got.headers, "A: ?\n");
  EXPECT_EQ(got.body, "\0x\0\n"sv);
  EXPECT_EQ(content.body_nuls(), 2U);
  EXPECT_EQ(content.longest_line(), 4U);
}

TEST(Content, RX10_TooBigIsReadToItsEndButNotKept) {
  Content content({.size = 1000}, smtp::LineEndings::reject);
  content.feed("A: 1\r\n\r\n");
  std::size_t most = 0;
  const std::string line = std::string(98, 'x') + "\r\n";
  for (int i = 0; i < 10'000; ++i) {
    content.feed(line);
    most = std::max(most, content.body().capacity());
  }
  EXPECT_FALSE(content.done());
  content.feed(".\r\n");
  EXPECT_TRUE(content.done());
  ASSERT_TRUE(content.refusal());
  EXPECT_EQ(content.refusal()->code, 552);
  EXPECT_LE(most, 4096U);
}

TEST(Content, RX25_HugeHeaderSectionIs552) {
  Content content({.size = 0}, smtp::LineEndings::reject);
  const std::string line = "X: " + std::string(995, 'x') + "\r\n";
  std::size_t most = 0;
  for (int i = 0; i < 5000; ++i) {
    content.feed(line);
    most = std::max(most, content.body().capacity());
  }
  content.feed("\r\nbody\r\n.\r\n");
  EXPECT_TRUE(content.done());
  ASSERT_TRUE(content.refusal());
  EXPECT_EQ(content.refusal()->code, 552);
  EXPECT_LE(most, 4096U);
}

TEST(Content, KeepsNothingOfADiscardedMessage) {
  Content content({.size = 0}, smtp::LineEndings::reject);
  content.feed("A: 1\r\n\r\nbody\r\n");
  content.discard();
  content.feed("more\r\n.\r\n");
  EXPECT_TRUE(content.done());
  EXPECT_EQ(content.body(), "");
}

}  // namespace
