// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/temp_dir.h"

using base::Code;
using base::Fd;
using support::TempDir;
using testing::HasSubstr;

namespace {

void put(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

}  // namespace

TEST(Fd, ClosesWhatItOwnsOnce) {
  TempDir dir;
  put(dir / "f", "");
  Fd first = *base::open_file(dir / "f", O_RDONLY);
  int number = first.get();
  EXPECT_TRUE(::fcntl(number, F_GETFD) & FD_CLOEXEC);
  Fd second = std::move(first);
  EXPECT_FALSE(
      first);  // NOLINT(bugprone-use-after-move): what a move leaves is promised
  EXPECT_TRUE(is_open(number));
  second = Fd();
  EXPECT_FALSE(is_open(number));
}

TEST(Fd, ReleaseGivesTheDescriptorAway) {
  TempDir dir;
  put(dir / "f", "");
  Fd fd = *base::open_file(dir / "f", O_RDONLY);
  int number = fd.release();
  fd.reset();
  EXPECT_TRUE(is_open(number));
  ::close(number);
}

TEST(Fd, OnlyTheOwnerReadsWithoutATrace) {
  TempDir dir;
  put(dir / "f", "text");
  const timespec once[] = {{1, 0}, {2, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (dir / "f").c_str(), once, 0), 0);
  auto read = [&] {
    auto fd = base::open_file(dir / "f", O_RDONLY | O_NOATIME);
    return fd && base::read_all(fd->get(), "f", 100) == "text";
  };
  EXPECT_TRUE(read());
  struct stat status{};
  ASSERT_EQ(::stat((dir / "f").c_str(), &status), 0);
  EXPECT_EQ(status.st_atim.tv_sec, 1);

  if (::geteuid() != 0) return;
  ::chmod(dir.path().c_str(), 0755);
  ::chmod((dir / "f").c_str(), 0644);
  ::setfsuid(65534);
  EXPECT_TRUE(read()) << "and anybody else reads";
  ::setfsuid(0);
}

TEST(Fd, WritesTwoPiecesAsOne) {
  TempDir dir;
  for (auto [first, second] :
       {std::pair{"", ""}, {"a", ""}, {"", "b"}, {"one ", "two"}}) {
    Fd fd = *base::open_file(dir / "f", O_WRONLY | O_CREAT | O_TRUNC);
    EXPECT_TRUE(base::write_all(fd.get(), first, second, "f"));
    EXPECT_EQ(base::read_file(dir / "f"), std::string(first) + second);
  }
  Fd reader = *base::open_file(dir / "f", O_RDONLY);
  EXPECT_FALSE(base::write_all(reader.get(), "a", "b", "f"));
}

TEST(Fd, ReadsWholeFilesUpToTheLimit) {
  TempDir dir;
  for (std::size_t size : {0U, 1U, 4095U, 4096U, 100'000U}) {
    std::string bytes(size, 'x');
    put(dir / "f", bytes);
    EXPECT_EQ(base::read_file(dir / "f", size), bytes);
    if (size == 0) continue;
    auto refused = base::read_file(dir / "f", size - 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::permanent);
    EXPECT_THAT(refused.error().text, HasSubstr("larger than"));
  }
}

TEST(Fd, AHugeSparseFileIsRefusedBeforeItIsRead) {
  TempDir dir;
  put(dir / "f", "");
  ASSERT_EQ(::truncate((dir / "f").c_str(), off_t{1} << 41), 0);
  auto refused = base::read_file(dir / "f");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::permanent);
}

TEST(Fd, ReadsFromAnOffset) {
  TempDir dir;
  put(dir / "f", "0123456789");
  Fd fd = *base::open_file(dir / "f", O_RDONLY);
  EXPECT_EQ(base::read_all(fd.get(), "f", 100, 4), "456789");
  EXPECT_EQ(base::read_all(fd.get(), "f", 6, 4), "456789");
  EXPECT_EQ(base::read_all(fd.get(), "f", 100, 10), "");
  EXPECT_EQ(base::read_all(fd.get(), "f", 100, 11), "");
}

TEST(Fd, RefusesWhatIsNoRegularFileAndDoesNotHang) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  std::filesystem::create_directory(dir / "dir");
  std::filesystem::create_symlink("loop", dir / "loop");
  for (auto name : {"fifo", "dir", "loop"}) {
    auto refused = base::read_file(dir / name);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, Code::permanent) << refused.error().text;
    EXPECT_THAT(refused.error().text, HasSubstr(name));
  }
  auto absent = base::read_file(dir / "absent");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::not_found);
}

TEST(Fd, WritesAllOrSaysWhyNot) {
  TempDir dir;
  Fd fd = *base::open_file(dir / "f", O_RDWR | O_CREAT);
  std::string bytes(3'000'000, 'b');
  ASSERT_TRUE(base::write_all(fd.get(), bytes, "f"));
  ASSERT_TRUE(base::sync(fd.get(), "f"));
  EXPECT_EQ(base::read_file(dir / "f"), bytes);
  Fd full = *base::open_file("/dev/full", O_WRONLY);
  auto failed = base::write_all(full.get(), "x", "/dev/full");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::no_space);
}

TEST(Fd, DirectoriesAreSynced) {
  TempDir dir;
  EXPECT_TRUE(base::sync_directory(dir.path()));
  EXPECT_EQ(base::sync_directory(dir / "absent").error().code, Code::not_found);
}
