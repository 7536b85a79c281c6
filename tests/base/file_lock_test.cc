// SPDX-License-Identifier: Apache-2.0
//
// Exim locks with POSIX locks from another process: a forked child plays it.
#include "base/file_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/support/temp_dir.h"

using base::Code;
using base::Fd;
using base::FileLock;
using support::TempDir;

namespace {

constexpr off_t kFirstLine = 19;  // Exim locks the first line of -D

Fd make_file(const TempDir& dir) {
  Fd fd = *base::open_file(dir / "m-D", O_RDWR | O_CREAT);
  (void)base::write_all(fd.get(), "1xUYvJ-0004Zg-2C-D\nbody\n", "m-D");
  return fd;
}

Fd reopen(const TempDir& dir) {
  return *base::open_file(dir / "m-D", O_RDWR);
}

// What a POSIX lock request for [start, start+length) answers in a process of its own.
bool child_can_lock(const TempDir& dir, off_t start, off_t length) {
  std::string path = dir / "m-D";
  pid_t child = ::fork();
  if (child == 0) {
    int fd = ::open(path.c_str(), O_RDWR);
    struct flock range{};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = start;
    range.l_len = length;
    ::_exit(::fcntl(fd, F_SETLK, &range) == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST(FileLock, ExcludesAPosixLockOfAnotherProcess) {
  TempDir dir;
  Fd file = make_file(dir);
  {
    auto lock = FileLock::acquire(std::move(file), kFirstLine, "m-D");
    ASSERT_TRUE(lock);
    EXPECT_FALSE(child_can_lock(dir, 0, kFirstLine));
    EXPECT_FALSE(child_can_lock(dir, kFirstLine - 1, 1));
    EXPECT_TRUE(child_can_lock(dir, kFirstLine, 1));  // for exactly Exim's range
  }
  EXPECT_TRUE(child_can_lock(dir, 0, kFirstLine));
}

TEST(FileLock, IsExcludedByAPosixLockOfAnotherProcess) {
  TempDir dir;
  make_file(dir);
  int locked[2], over[2];
  ASSERT_EQ(::pipe(locked), 0);
  ASSERT_EQ(::pipe(over), 0);
  std::string path = dir / "m-D";
  pid_t child = ::fork();
  if (child == 0) {
    ::close(over[1]);
    int fd = ::open(path.c_str(), O_RDWR);
    struct flock range{};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_len = kFirstLine;
    char answer = ::fcntl(fd, F_SETLK, &range) == 0 ? 'y' : 'n';
    (void)!::write(locked[1], &answer, 1);
    (void)!::read(over[0], &answer, 1);  // until the parent has tried
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(locked[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  auto refused = FileLock::acquire(reopen(dir), kFirstLine, "m-D");
  ::close(over[0]);
  ::close(over[1]);
  ::waitpid(child, nullptr, 0);
  ::close(locked[0]);
  ::close(locked[1]);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::locked);
  EXPECT_THAT(refused.error().text, testing::StartsWith("m-D: locked"));
  EXPECT_TRUE(FileLock::acquire(reopen(dir), kFirstLine, "m-D"));
}

TEST(FileLock, SurvivesTheClosingOfAnotherDescriptorOfTheFile) {
  TempDir dir;
  auto lock = FileLock::acquire(make_file(dir), kFirstLine, "m-D");
  ASSERT_TRUE(lock);
  reopen(dir).reset();
  EXPECT_FALSE(child_can_lock(dir, 0, kFirstLine));
}

TEST(FileLock, MovesWithoutOpening) {
  TempDir dir;
  auto lock = FileLock::acquire(make_file(dir), kFirstLine, "m-D");
  ASSERT_TRUE(lock);
  FileLock moved = std::move(*lock);
  EXPECT_FALSE(child_can_lock(dir, 0, kFirstLine));
  EXPECT_EQ(base::read_all(moved.fd(), "m-D", 100)->size(), 24U);
}

TEST(FileLock, NeedsADescriptorOpenForWriting) {
  TempDir dir;
  make_file(dir);
  auto refused =
      FileLock::acquire(*base::open_file(dir / "m-D", O_RDONLY), kFirstLine, "m-D");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().code, Code::locked);
}

TEST(FileLockThreads, ExcludesOtherThreadsOfThisProcess) {
  TempDir dir;
  auto lock = FileLock::acquire(make_file(dir), kFirstLine, "m-D");
  ASSERT_TRUE(lock);
  std::thread([&] {
    auto refused = FileLock::acquire(reopen(dir), kFirstLine, "m-D");
    EXPECT_TRUE(!refused && refused.error().code == Code::locked);
  }).join();
}
