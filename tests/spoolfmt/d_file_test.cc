// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/d_file.h"

#include <gtest/gtest.h>

namespace spoolfmt {
namespace {

TEST(DFile, Spool26_FirstLineNamesTheFile) {
  auto old_id = *MessageId::parse("1xUYvJ-0004Zg-2C");
  auto long_id = *MessageId::parse("1xUYvo-000000005kR-09xI");
  EXPECT_EQ(d_first_line(old_id).size(), 19U);
  EXPECT_EQ(d_first_line(long_id).size(), 26U);
  EXPECT_TRUE(d_first_line_matches("1xUYvJ-0004Zg-2C-D\nbody", old_id));
  EXPECT_FALSE(d_first_line_matches("1xUYvJ-0004Zg-2D-D\nbody", old_id));
  EXPECT_FALSE(d_first_line_matches("1xUYvJ-0004Zg-2C-D", old_id));
  EXPECT_FALSE(d_first_line_matches("", old_id));
}

TEST(DFile, Spool27_CountsLinesNulsAndTheLongestLine) {
  const std::string body("ab\n\0\0c\nlongest line\nlast", 24);
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    BodyCounts counts;
    for (std::size_t i = 0; i < body.size(); i += piece)
      counts.add(std::string_view(body).substr(i, piece));
    EXPECT_EQ(counts.lines, 3U);
    EXPECT_EQ(counts.zeros, 2U);
    EXPECT_EQ(counts.longest, 12U);
  }
}

TEST(DFile, Spool28_29_WireToLfDropsACrBeforeLfOnly) {
  struct Row {
    std::string wire, lf;
  };
  for (const Row& row : {Row{"a\r\nb\r\n", "a\nb\n"},
                         {"a\nb\n", "a\nb\n"},
                         {"a\r\nb\nc\r\n", "a\nb\nc\n"},
                         {"a\rb\r", "a\rb\r"},
                         {"\r\r\n\r", "\r\n\r"},
                         {std::string("\0\r\n", 3), std::string("\0\n", 2)},
                         {"", ""}}) {
    EXPECT_EQ(wire_to_lf(row.wire), row.lf);
    for (std::size_t piece = 1; piece <= row.wire.size(); ++piece) {
      WireToLf converter;
      std::string out;
      for (std::size_t i = 0; i < row.wire.size(); i += piece)
        converter.convert(std::string_view(row.wire).substr(i, piece), out);
      converter.finish(out);
      EXPECT_EQ(out, row.lf);
    }
  }
}

}  // namespace
}  // namespace spoolfmt
