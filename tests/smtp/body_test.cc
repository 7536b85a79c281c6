// SPDX-License-Identifier: Apache-2.0
#include "smtp/body.h"

#include <gtest/gtest.h>

#include <random>

namespace smtp {
namespace {

struct Read {
  std::string content;
  std::size_t used = 0;
  bool done = false;
  bool bare = false;
  std::uint64_t lines = 0, nuls = 0, longest = 0, size = 0;

  bool operator==(const Read&) const = default;
};

// Feeds `wire` cut at `cuts`, which is sorted.
Read read_cut(std::string_view wire, const std::vector<std::size_t>& cuts) {
  DotReader reader;
  Read read;
  std::size_t begin = 0;
  auto feed = [&](std::size_t end) {
    if (reader.done() || end == begin) return;
    std::size_t taken = reader.feed(wire.substr(begin, end - begin), read.content);
    read.used += taken;
    EXPECT_TRUE(reader.done() || taken == end - begin);
    begin = end;
  };
  for (std::size_t cut : cuts) feed(cut);
  feed(wire.size());
  read.done = reader.done();
  read.bare = reader.bare_line_end();
  read.lines = reader.lines();
  read.nuls = reader.nuls();
  read.longest = reader.longest_line();
  read.size = reader.size();
  EXPECT_EQ(read.size, read.content.size());
  return read;
}

// The same at every one and every two split points, and byte by byte.
Read read_everyhow(std::string_view wire) {
  const Read whole = read_cut(wire, {});
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i <= wire.size(); ++i) {
    all.push_back(i);
    for (std::size_t j = i; j <= wire.size(); ++j)
      EXPECT_EQ(read_cut(wire, {i, j}), whole) << "cut at " << i << " and " << j;
  }
  EXPECT_EQ(read_cut(wire, all), whole);
  return whole;
}

TEST(DotReader, RX9_UndoesLeadingDots) {
  struct Row {
    std::string_view wire, content;
  };
  for (const auto& [wire, content] : {
           Row{".\r\n", ""},
           Row{"\r\n.\r\n", "\n"},
           Row{"..x\r\n.\r\n", ".x\n"},
           Row{".x\r\n.\r\n", "x\n"},
           Row{"..\r\n.\r\n", ".\n"},
           Row{"...\r\n.\r\n", "..\n"},
           Row{"a.b\r\nc.\r\n.\r\n", "a.b\nc.\n"},
           Row{"a\r\n\r\n..b\r\n.\r\n", "a\n\n.b\n"},
       }) {
    Read read = read_everyhow(wire);
    EXPECT_EQ(read.content, content);
    EXPECT_TRUE(read.done);
    EXPECT_FALSE(read.bare);
    EXPECT_EQ(read.used, wire.size());
  }
}

TEST(DotReader, RX7_EndsAtNothingButCrlfDotCrlf) {
  using namespace std::string_view_literals;
  for (std::string_view trap :
       {"\n.\n"sv, "\n.\r\n"sv, "\r\n.\n"sv, "\r.\r"sv, "\r\n.\r"sv, "\r\n\0.\r\n"sv,
        "\r.\r\n"sv, "\n.\r"sv, "\r\n.\r\r\n"sv, "\r\r\n.\n"sv, "\r\n\r.\r\n"sv}) {
    std::string wire = "body" + std::string(trap) + "MAIL FROM:<x>\r\n.\r\nQUIT\r\n";
    Read read = read_everyhow(wire);
    EXPECT_TRUE(read.done);
    EXPECT_EQ(read.used, wire.size() - 6);  // QUIT is not part of it
    EXPECT_TRUE(read.content.contains("MAIL FROM:<x>\n"));
    EXPECT_EQ(read.bare, trap != "\r\n\0.\r\n"sv);
  }
}

TEST(DotReader, FlagsLineEndsThatStandAlone) {
  for (std::string_view wire : {"a\nb\r\n.\r\n", "a\rb\r\n.\r\n", "a\r\r\n.\r\n",
                                "\n\r\n.\r\n", ".\n\r\n.\r\n", ".\r.\r\n.\r\n"}) {
    Read read = read_everyhow(wire);
    EXPECT_TRUE(read.done && read.bare) << wire;
    EXPECT_EQ(read.used, wire.size());
  }
}

TEST(DotReader, LeavesWhatFollowsTheEnd) {
  Read read = read_everyhow("a\r\n.\r\n.\r\nNOOP\r\n");
  EXPECT_EQ(read.content, "a\n");
  EXPECT_EQ(read.used, 6u);
}

TEST(DotReader, RX14_CountsNulsLinesAndTheLongestLine) {
  std::string wire("ab\0\0\r\n\r\nlonger line\r\n.\r\n", 23);
  Read read = read_everyhow(wire);
  EXPECT_EQ(read.nuls, 2u);
  EXPECT_EQ(read.lines, 3u);
  EXPECT_EQ(read.longest, 11u);
}

// Long enough for every width in which bytes are counted.
TEST(DotReader, CountsInLargeBuffersToo) {
  std::string wire;
  for (int i = 0; i < 1000; ++i) wire += "0123456789\r\n";
  wire += ".\r\n";
  EXPECT_FALSE(read_cut(wire, {}).bare);
  EXPECT_EQ(read_cut(wire, {}).lines, 1000u);
  for (std::size_t at : {0u, 15u, 16u, 17u, 2047u, 2048u, 4100u, 11990u}) {
    std::string with_lf = wire, with_nul = wire;
    with_lf.insert(at, "x\n");
    with_nul.insert(at, std::string(300, '\0'));
    EXPECT_TRUE(read_cut(with_lf, {}).bare) << at;
    EXPECT_EQ(read_cut(with_nul, {}).nuls, 300u) << at;
    EXPECT_EQ(read_cut(with_nul, {5, 5000}).nuls, 300u) << at;
  }
}

std::string write_cut(std::string_view content, std::size_t step) {
  DotWriter writer;
  std::string wire;
  while (!content.empty()) {
    std::string_view piece = content.substr(0, step);
    content.remove_prefix(piece.size());
    writer.write(piece, wire);
  }
  writer.finish(wire);
  return wire.append(DotWriter::kEnd);
}

TEST(DotWriter, StuffsDotsAndEndsLinesWithCrlf) {
  struct Row {
    std::string_view content, wire;
  };
  for (const auto& [content, wire] : {
           Row{"", ".\r\n"},
           Row{"\n", "\r\n.\r\n"},
           Row{"a\n", "a\r\n.\r\n"},
           Row{"a", "a\r\n.\r\n"},
           Row{".", "..\r\n.\r\n"},
           Row{".a\n..\nb.\n", "..a\r\n...\r\nb.\r\n.\r\n"},
           Row{"a\r\n.b\r\n", "a\r\n..b\r\n.\r\n"},
           Row{"a\r\nb\nc", "a\r\nb\r\nc\r\n.\r\n"},
           Row{"a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"},
           Row{"a\r", "a\r\n.\r\n"},
           Row{"a\r\r\n.\n", "a\r\n\r\n..\r\n.\r\n"},
           Row{"\r\n", "\r\n.\r\n"},
           Row{"\r", "\r\n.\r\n"},
       })
    for (std::size_t step = 1; step <= content.size() + 1; ++step)
      EXPECT_EQ(write_cut(content, step), wire) << content << " by " << step;
}

// Whatever lies in a file, a strict reader sees one message with nothing bare in it,
// and for clean files the same bytes again.
TEST(DotWriter, IsReadBackByDotReader) {
  std::mt19937 random(20251121);
  const std::string_view alphabet("\r\n.a\0\n.", 7);
  for (int round = 0; round < 20000; ++round) {
    std::string content;
    for (auto left = random() % 24; left > 0; --left)
      content += alphabet[random() % alphabet.size()];
    std::string wire = write_cut(content, 1 + random() % 8);
    Read read = read_cut(wire, {random() % wire.size()});
    EXPECT_TRUE(read.done);
    EXPECT_FALSE(read.bare);
    EXPECT_EQ(read.used, wire.size());
    if (!content.contains('\r')) {
      if (!content.empty() && !content.ends_with('\n')) content += '\n';
      EXPECT_EQ(read.content, content);
    }
  }
}

}  // namespace
}  // namespace smtp
