// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temp_dir.h"

using base::Code;
using base::MappedFile;
using support::TempDir;

TEST(MappedFile, ShowsTheFilesBytes) {
  TempDir dir;
  std::string bytes(10'000, 'm');
  std::ofstream(dir / "m-D") << bytes;
  auto file = MappedFile::open(dir / "m-D");
  ASSERT_TRUE(file) << file.error().text;
  MappedFile moved = std::move(*file);
  std::filesystem::remove(dir / "m-D");
  EXPECT_EQ(moved.bytes(), bytes);
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
  TempDir dir;
  std::ofstream empty(dir / "m-D");
  auto file = MappedFile::open(dir / "m-D");
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  TempDir dir;
  std::ofstream(dir / "real") << "x";
  std::filesystem::create_symlink("real", dir / "link");
  std::filesystem::create_directory(dir / "dir");
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  for (auto name : {"link", "dir", "fifo"}) {
    auto file = MappedFile::open(dir / name);
    ASSERT_FALSE(file) << name;
    EXPECT_EQ(file.error().code, Code::permanent) << name;
  }
  EXPECT_EQ(MappedFile::open(dir / "absent").error().code, Code::not_found);
}
