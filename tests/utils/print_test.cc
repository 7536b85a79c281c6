// SPDX-License-Identifier: Apache-2.0
#include "utils/print.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/utils/small_spool.h"

namespace {

using utils_test::kId;
using utils_test::message;

TEST(Row, IsCutBetweenCharacters) {
  auto file = message();
  file.sender = "j\xc3\xb6rg\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6@sender.example";
  const std::string text = format_h_file(file);
  spoolfmt::Queued queued;
  queued.h_text = text;
  spoolfmt::read_h_file(queued.h_text, std::string(kId) + "-H", queued.h);
  for (unsigned short width = 4; width < 120; ++width) {
    std::string row;
    utils::append_row(row, queued, nullptr, base::Time{}, kId.size(),
                      {.terminal = true, .width = width});
    EXPECT_LE(row.size(), width + 1U);
    std::string heading;
    utils::append_heading(heading, kId.size(), {.terminal = true, .width = width});
    EXPECT_LE(heading.size(), width + 1U);
    // Every byte above 127 comes in one of the pairs that the sender has.
    for (std::size_t i = row.find('\xc3'); i != row.npos; i = row.find('\xc3', i + 1))
      EXPECT_EQ(row[i + 1], '\xb6') << width;
  }
}

}  // namespace
