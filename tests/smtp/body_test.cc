// SPDX-License-Identifier: Apache-2.0
#include "smtp/body.h"

#include <gtest/gtest.h>

#include <random>
#include <type_traits>

namespace smtp {
namespace {

struct Read {
  std::string content;
  std::size_t used = 0;
  bool done = false;
  bool bare = false;
  bool lenient_end = false;
  bool first_line_bare = false;
  std::uint64_t lines = 0, nuls = 0, longest = 0, size = 0;

  bool operator==(const Read&) const = default;
};

// Feeds `wire` cut at `cuts`, which is sorted.  The header section is what comes before
// the first empty line.
template <class Reader>
Read read_with(Reader reader, std::string_view wire,
               const std::vector<std::size_t>& cuts) {
  Read read;
  std::size_t begin = 0;
  auto feed = [&](std::size_t end) {
    while (!reader.done() && begin < end) {
      std::size_t taken = reader.feed(wire.substr(begin, end - begin), read.content);
      begin += taken;
      EXPECT_TRUE(reader.done() || begin == end || reader.pauses_at_lines());
      if (read.content.starts_with('\n') || read.content.contains("\n\n"))
        reader.headers_over();
    }
  };
  for (std::size_t cut : cuts) feed(cut);
  feed(wire.size());
  read.used = begin;
  if constexpr (std::is_same_v<Reader, ChunkReader>) {
    EXPECT_FALSE(reader.done());
    reader.finish(read.content);
    read.first_line_bare = reader.first_line_bare();
  } else {
    read.lenient_end = reader.lenient_end();
  }
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
template <class Reader = DotReader>
Read read_everyhow(std::string_view wire, const Reader& reader = Reader()) {
  const Read whole = read_with(reader, wire, {});
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i <= wire.size(); ++i) {
    all.push_back(i);
    for (std::size_t j = i; j <= wire.size(); ++j)
      EXPECT_EQ(read_with(reader, wire, {i, j}), whole)
          << "cut at " << i << " and " << j;
  }
  EXPECT_EQ(read_with(reader, wire, all), whole);
  return whole;
}

Read read_cut(std::string_view wire, const std::vector<std::size_t>& cuts) {
  return read_with(DotReader(), wire, cuts);
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

const std::string kHead = "A: b\r\n\r\n";

TEST(DotReader, RX8_ReadsLoneLineEndsAsEximDoes) {
  struct Row {
    std::string wire, content;
    std::uint64_t lines = 0, longest = 0;
  };
  for (const auto& [wire, content, lines, longest] : {
           // In the body a lone LF is a blank and a lone CR ends the line.
           Row{kHead + "a\nb\r\n.\r\n", "A: b\n\na b\n", 3, 4},
           Row{kHead + "a\rb\r\n.\r\n", "A: b\n\na\nb\n", 4, 4},
           Row{kHead + "\nb\r\n.\r\n", "A: b\n\n b\n", 3, 4},
           Row{kHead + "abcdef\r\r\n.\r\n", "A: b\n\nabcdef\n\n", 4, 6},
           Row{kHead + ".\nabcde\r\n.\r\n", "A: b\n\n abcde\n", 3, 6},
           Row{kHead + ".\rab\r\n.\r\n", "A: b\n\n\nab\n", 4, 4},
           Row{kHead + "a\r..b\r\n.\r\n", "A: b\n\na\n..b\n", 4, 4},
           // In the header section both fold.
           Row{"A: b\r\nC: d\ne\r\n\r\n.\r\n", "A: b\nC: d\n e\n\n", 4, 4},
           Row{"A: b\rc\r\n\r\n.\r\n", "A: b\n c\n\n", 3, 4},
           Row{"A: b\r\r\n\r\n.\r\n", "A: b\n \n\n", 3, 4},
       }) {
    Read read = read_everyhow(wire, DotReader(LineEndings::exim));
    EXPECT_EQ(read.content, content);
    EXPECT_EQ(read.lines, lines) << content;
    EXPECT_EQ(read.longest, longest) << content;
    EXPECT_TRUE(read.done && read.bare && !read.lenient_end) << content;
    EXPECT_EQ(read.used, wire.size());
  }
}

TEST(DotReader, RX7_EndsAtNothingElseAsEximEither) {
  using namespace std::string_view_literals;
  for (std::string_view trap :
       {"\n.\n"sv, "\n.\r\n"sv, "\r\n.\n"sv, "\r.\r"sv, "\r\n.\r"sv, "\r\n\0.\r\n"sv,
        "\r.\r\n"sv, "\n.\r"sv, "\r\n.\r\r\n"sv, "\r\r\n.\n"sv, "\r\n\r.\r\n"sv}) {
    std::string wire =
        kHead + "body" + std::string(trap) + "MAIL FROM:<x>\r\n.\r\nQUIT\r\n";
    Read read = read_everyhow(wire, DotReader(LineEndings::exim));
    EXPECT_TRUE(read.done && !read.lenient_end);
    EXPECT_EQ(read.used, wire.size() - 6);
    EXPECT_TRUE(read.content.contains("MAIL FROM:<x>\n"));
  }
  EXPECT_TRUE(read_everyhow(kHead + "x\n.\nMAIL FROM:<x>\r\n.\r\n",
                            DotReader(LineEndings::exim))
                  .content.ends_with("x . MAIL FROM:<x>\n"));
}

// Then it is as lenient as with those who are allowed to be; and the same safeguard.
TEST(DotReader, EndsLinesAtLfAsEximIfTheFirstOneEndsSo) {
  Read read = read_everyhow("A: b\nC: d\n\n..x\ny\r\n.\nNOOP\r\n",
                            DotReader(LineEndings::exim));
  EXPECT_EQ(read.content, "A: b\nC: d\n\n.x\ny\n");
  EXPECT_TRUE(read.done && read.lenient_end);
  EXPECT_EQ(read.used, 20u);
  read = read_everyhow(".\nNOOP\r\n", DotReader(LineEndings::exim));
  EXPECT_TRUE(read.done && read.lenient_end);
}

TEST(DotReader, TakesLfForALineEndWhereItIsLenient) {
  struct Row {
    std::string wire, content;
    bool lenient_end;
  };
  for (const auto& [wire, content, lenient_end] : {
           Row{"A: b\n\nx\n.\n", "A: b\n\nx\n", true},
           Row{"A: b\n\nx\n.\r\n", "A: b\n\nx\n", true},
           Row{"A: b\n\nx\r\n.\n", "A: b\n\nx\n", true},
           Row{"A: b\n\nx\r\n.\r\n", "A: b\n\nx\n", false},
           Row{"A: b\r\n\r\nx\n..\n.y\n\r\n.\r\n", "A: b\n\nx\n.\ny\n\n", false},
           Row{"A: b\n\nx\r.\ry\n.\n", "A: b\n\nx\n.\ny\n", true},
       }) {
    Read read = read_everyhow(wire, DotReader(LineEndings::lenient));
    EXPECT_EQ(read.content, content);
    EXPECT_TRUE(read.done);
    EXPECT_EQ(read.lenient_end, lenient_end) << wire;
    EXPECT_EQ(read.used, wire.size());
  }
}

ChunkReader chunks(LineEndings policy, Storing storing = Storing::lf,
                   bool binary = false) {
  return {policy, storing, binary};
}

TEST(ChunkReader, KnowsNoDotsAndNoEnd) {
  std::string wire = kHead + ".\r\n..\r\n.x\r\n";
  for (LineEndings policy :
       {LineEndings::reject, LineEndings::exim, LineEndings::lenient}) {
    Read read = read_everyhow(wire, chunks(policy));
    EXPECT_EQ(read.content, "A: b\n\n.\n..\n.x\n");
    EXPECT_FALSE(read.bare || read.first_line_bare);
    EXPECT_EQ(read.lines, 5u);
    EXPECT_EQ(read.longest, 4u);
  }
}

TEST(ChunkReader, RepairsTheMissingLineEndOfTheLastLine) {
  struct Row {
    std::string wire, content;
    std::uint64_t lines;
  };
  for (const auto& [wire, content, lines] : {
           Row{"", "", 0},
           Row{kHead, "A: b\n\n", 2},
           Row{kHead + "x", "A: b\n\nx\n", 3},
           Row{kHead + "x\r", "A: b\n\nx\n", 3},
           Row{kHead + "x\n", "A: b\n\nx \n", 3},
           Row{"A: b", "A: b\n", 1},
       }) {
    Read read = read_everyhow(wire, chunks(LineEndings::exim));
    EXPECT_EQ(read.content, content);
    EXPECT_EQ(read.lines, lines) << content;
  }
}

TEST(ChunkReader, WantsCrlfBehindTheFirstLine) {
  for (LineEndings policy : {LineEndings::exim, LineEndings::lenient}) {
    EXPECT_TRUE(read_everyhow("A: b\nC: d\r\n\r\n", chunks(policy)).first_line_bare);
    EXPECT_FALSE(read_everyhow("A: b\r\nC: d\n\r\n", chunks(policy)).first_line_bare);
  }
  EXPECT_TRUE(read_everyhow("A: b\nC: d\r\n\r\n", chunks(LineEndings::reject)).bare);
}

TEST(ChunkReader, KeepsTheBodyAsItCameInWireFormat) {
  struct Row {
    std::string body, stored;
    bool bare;
  };
  for (const auto& [body, stored, bare] : {
           Row{"a\r\nb\r\n", "a\r\nb\r\n", false},
           Row{"a", "a\r\n", false},
           Row{"a\rb\nc\r\n", "a\rb\nc\r\n", true},
           Row{"\n", "\n\r\n", true},
       })
    for (LineEndings policy : {LineEndings::reject, LineEndings::exim}) {
      Read read = read_everyhow(kHead + body, chunks(policy, Storing::wire));
      EXPECT_EQ(read.content, "A: b\n\n" + stored);
      EXPECT_EQ(read.bare, bare) << body;
      read = read_everyhow(kHead + body, chunks(policy, Storing::wire, true));
      EXPECT_FALSE(read.bare) << body;
    }
  EXPECT_TRUE(
      read_everyhow("A:\nb\r\n\r\n", chunks(LineEndings::reject, Storing::wire, true))
          .bare);
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
