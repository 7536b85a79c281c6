// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

using base::MainLog;
using support::FakeClock;
using support::TempDir;
using testing::EndsWith;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& path) {
  return base::read_file(path).value_or("unreadable");
}

}  // namespace

TEST(MainLog, WritesEximsFrame) {
  TempDir dir;
  FakeClock clock;
  MainLog log = *MainLog::open(dir / "log/mainlog", clock);
  ASSERT_TRUE(log.write("1xUYvJ-0004Zg-2C", "=> rcpt@example.org"));
  ASSERT_TRUE(log.write("", "Start queue run"));
  std::regex frame(
      "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d 1xUYvJ-0004Zg-2C => rcpt@example.org\n"
      "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d Start queue run\n");
  EXPECT_TRUE(std::regex_match(text_of(dir / "log/mainlog"), frame))
      << text_of(dir / "log/mainlog");
  EXPECT_EQ(fs::status(dir / "log/mainlog").permissions(), fs::perms(0640));
  EXPECT_EQ(fs::status(dir / "log").permissions(), fs::perms(0750));
}

TEST(MainLog, ATimeIsLocal) {
  ::setenv("TZ", "XXX-03:30", 1);
  ::tzset();
  EXPECT_EQ(base::format_log_time(base::Time(std::chrono::seconds(0))),
            "1970-01-01 03:30:00");
  ::unsetenv("TZ");
  ::tzset();
}

TEST(MainLog, NoTextCanForgeALine) {
  TempDir dir;
  FakeClock clock;
  MainLog log = *MainLog::open(dir / "mainlog", clock);
  using namespace std::string_view_literals;
  ASSERT_TRUE(log.write("id", "a\nb\rc\0d\x1b[2J"sv));
  std::string text = text_of(dir / "mainlog");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, EndsWith(" id a\\nb\\rc\\000d\\033[2J\n"));
}

TEST(MainLog, CutsLinesAt8KiB) {
  TempDir dir;
  FakeClock clock;
  MainLog log = *MainLog::open(dir / "mainlog", clock);
  ASSERT_TRUE(log.write("id", std::string(20'000, 'x')));
  std::string text = text_of(dir / "mainlog");
  EXPECT_EQ(text.size(), 8192U);
  EXPECT_EQ(text.back(), '\n');
}

TEST(MainLog, FollowsRotation) {
  TempDir dir;
  FakeClock clock;
  MainLog log = *MainLog::open(dir / "mainlog", clock);
  ASSERT_TRUE(log.write("", "one"));
  fs::rename(dir / "mainlog", dir / "mainlog.1");
  ASSERT_TRUE(log.write("", "two"));
  EXPECT_THAT(text_of(dir / "mainlog.1"), EndsWith(" one\n"));
  EXPECT_THAT(text_of(dir / "mainlog"), EndsWith(" two\n"));
  fs::remove(dir / "mainlog");
  ASSERT_TRUE(log.write("", "three"));
  EXPECT_THAT(text_of(dir / "mainlog"), EndsWith(" three\n"));
}

TEST(MainLog, SaysThatItCouldNotWrite) {
  FakeClock clock;
  auto full = MainLog::open("/dev/full", clock);
  ASSERT_TRUE(full);
  auto failed = full->write("", "lost");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, base::Code::no_space);
}

TEST(MainLogThreads, LinesOfManyThreadsStayWhole) {
  constexpr int kThreads = 8, kLines = 200;
  TempDir dir;
  FakeClock clock;
  MainLog log = *MainLog::open(dir / "mainlog", clock);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&log, i] {
      for (int line = 0; line < kLines; ++line)
        (void)log.write("id", std::string(100, static_cast<char>('a' + i)));
    });
  for (auto& thread : threads) thread.join();
  std::string text = text_of(dir / "mainlog");
  EXPECT_EQ(text.size(),
            kThreads * kLines * std::string_view("2026-11-21 10:43:00 id \n").size() +
                kThreads * kLines * 100U);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), kThreads * kLines);
}
