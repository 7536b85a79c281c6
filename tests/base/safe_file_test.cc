// SPDX-License-Identifier: Apache-2.0
#include "base/safe_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temp_dir.h"

using base::SafeFile;
using support::TempDir;
namespace fs = std::filesystem;

TEST(SafeFile, AppearsWholeUnderItsName) {
  TempDir dir;
  mode_t before = ::umask(0027);
  {
    auto file = SafeFile::create(dir / "hdr.1");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("one "));
    ASSERT_TRUE(file->write("two"));
    EXPECT_FALSE(fs::exists(dir / "m-H"));
    ASSERT_TRUE(file->commit(dir / "m-H"));
  }
  ::umask(before);
  EXPECT_EQ(base::read_file(dir / "m-H"), "one two");
  EXPECT_FALSE(fs::exists(dir / "hdr.1"));
  EXPECT_EQ(fs::status(dir / "m-H").permissions(), fs::perms(0640));
}

TEST(SafeFile, ReplacesAnOlderFile) {
  TempDir dir;
  std::ofstream(dir / "m-H") << "old";
  auto file = SafeFile::create(dir / "hdr.1");
  ASSERT_TRUE(file && file->write("new") && file->commit(dir / "m-H"));
  EXPECT_EQ(base::read_file(dir / "m-H"), "new");
}

TEST(SafeFile, LeavesNothingIfNotCommitted) {
  TempDir dir;
  {
    auto file = SafeFile::create(dir / "hdr.1");
    ASSERT_TRUE(file && file->write("half"));
    SafeFile moved = std::move(*file);
    EXPECT_TRUE(fs::exists(dir / "hdr.1"));
  }
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(SafeFile, ReplacesDebrisWithoutWritingThroughLinks) {
  TempDir dir;
  std::ofstream(dir / "precious") << "precious";
  fs::create_symlink("precious", dir / "hdr.1");
  auto file = SafeFile::create(dir / "hdr.1");
  ASSERT_TRUE(file && file->write("new") && file->commit(dir / "m-H"));
  EXPECT_EQ(base::read_file(dir / "precious"), "precious");
  EXPECT_FALSE(fs::is_symlink(dir / "m-H"));
}

TEST(SafeFile, SaysWhyItCannotBeMade) {
  TempDir dir;
  EXPECT_EQ(SafeFile::create(dir / "absent/hdr").error().code, base::Code::not_found);
  auto file = SafeFile::create(dir / "hdr.1");
  ASSERT_TRUE(file);
  EXPECT_FALSE(file->commit(dir / "absent/m-H"));
}

TEST(SafeFile, CommitsUnderARelativeName) {
  TempDir dir;
  fs::path before = fs::current_path();
  fs::current_path(dir.path());
  auto file = SafeFile::create("hdr.1");
  auto done = file ? file->commit("m-H") : std::unexpected(file.error());
  fs::current_path(before);
  EXPECT_TRUE(done) << done.error().text;
}
