// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/journal.h"

#include <gtest/gtest.h>

#include "base/fd.h"
#include "tests/support/temp_dir.h"

namespace spoolfmt {
namespace {

TEST(Journal, Spool34_AppendsWholeLinesCutAt500Bytes) {
  support::TempDir dir;
  auto path = dir / "1xUYvJ-0004Zg-2C-J";
  auto journal = Journal::open(path);
  ASSERT_TRUE(journal) << journal.error().text;
  ASSERT_TRUE(journal->append({"a@b", "c@d"}));
  ASSERT_TRUE(journal->sync());
  EXPECT_EQ(*base::read_file(path), "a@b\nc@d\n");
  // Left over by a crash: gone on with.
  auto again = Journal::open(path);
  ASSERT_TRUE(again);
  ASSERT_TRUE(again->append({std::string(600, 'x')}));
  EXPECT_EQ(*base::read_file(path), "a@b\nc@d\n" + std::string(500, 'x') + "\n");
}

TEST(Journal, Q71_WhatItHasRoomForIsNotWrittenYet) {
  support::TempDir dir;
  auto path = dir / "1xUYvJ-0004Zg-2C-J";
  auto journal = Journal::open(path);
  ASSERT_TRUE(journal);
  ASSERT_TRUE(journal->append({"a@b"}));
  ASSERT_TRUE(journal->reserve(100'000));
  EXPECT_EQ(*base::read_file(path), "a@b\n");
  ASSERT_TRUE(journal->append({"c@d"}));
  EXPECT_EQ(*base::read_file(path), "a@b\nc@d\n");
}

TEST(Journal, Spool42_IsMade0640AndNeverThroughASymlink) {
  support::TempDir dir;
  auto path = dir / "1xUYvJ-0004Zg-2C-J";
  ASSERT_TRUE(Journal::open(path));
  EXPECT_EQ(static_cast<unsigned>(std::filesystem::status(path).permissions()), 0640U);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/dev/null", path);
  EXPECT_FALSE(Journal::open(path));
}

TEST(Journal, Spool35_ReadsAsEximDoes) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(parse_journal(""), Names{});
  EXPECT_EQ(parse_journal("a@b\nc@d\n"), (Names{"a@b", "c@d"}));
  EXPECT_EQ(parse_journal("a@b\nc@d"), (Names{"a@b", "c@"}));
  EXPECT_EQ(parse_journal("\na@b\r\n"), (Names{"", "a@b\r"}));
  EXPECT_EQ(parse_journal("x"), (Names{""}));
}

}  // namespace
}  // namespace spoolfmt
