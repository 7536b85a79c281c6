// SPDX-License-Identifier: Apache-2.0
#include "base/shared_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/support/temp_dir.h"

namespace {

using base::BoardPage;
using base::Cell;
using base::Code;
using base::SharedBoard;
using namespace std::chrono_literals;

const base::Time kSince{std::chrono::seconds(1'795'221'689)};

BoardPage page_of(double number, std::size_t rows) {
  BoardPage page;
  page.written = kSince;
  page.facts = {{"number", number}, {"what", std::string("test")}};
  page.columns = {"site", "ready", "cap", "dead"};
  for (std::size_t i = 0; i < rows; ++i)
    page.rows.push_back({"site " + std::to_string(i), number, std::monostate(), true});
  return page;
}

TEST(SharedBoard, APageComesBackAsItWas) {
  for (std::size_t rows : {0U, 1U, 1000U}) {
    BoardPage page = page_of(0.25, rows);
    auto back = base::parse_board_page(base::format_board_page(page, 1 << 20));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, page);
  }
  BoardPage page = page_of(7, 1);
  EXPECT_EQ(page.at(page.rows[0], "ready"), Cell(7.0));
  EXPECT_EQ(page.at(page.rows[0], "nonsense"), Cell());
}

TEST(SharedBoard, RowsThatDoNotFitAreLeftOff) {
  std::string bytes = base::format_board_page(page_of(1, 1000), 4096);
  EXPECT_LE(bytes.size(), 4096U);
  auto page = base::parse_board_page(bytes);
  ASSERT_TRUE(page);
  EXPECT_GT(page->rows.size(), 50U);
  EXPECT_LT(page->rows.size(), 1000U);
}

TEST(SharedBoard, WhatIsNoPageIsAnError) {
  std::string bytes = base::format_board_page(page_of(1, 2), 4096);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(base::parse_board_page(bytes.substr(0, size))) << size;
  EXPECT_FALSE(base::parse_board_page(bytes + "x"));
  EXPECT_FALSE(base::parse_board_page(std::string(100, '\xff')));
}

TEST(SharedBoard, HangsAsLongAsItsOwner) {
  support::TempDir dir;
  EXPECT_TRUE(SharedBoard::open_all(dir / "missing")->empty());
  {
    auto own = SharedBoard::create(dir.path(), "run", kSince);
    ASSERT_TRUE(own) << own.error().text;
    struct stat status{};
    ASSERT_EQ(::stat((dir / ("run-" + std::to_string(::getpid()))).c_str(), &status),
              0);
    EXPECT_EQ(status.st_mode & 07777, 0640U);
    auto boards = SharedBoard::open_all(dir.path());
    ASSERT_TRUE(boards);
    ASSERT_EQ(boards->size(), 1U);
    SharedBoard& board = boards->front();
    EXPECT_EQ(board.kind(), "run");
    EXPECT_EQ(board.pid(), ::getpid());
    EXPECT_EQ(board.since(), kSince);
    EXPECT_EQ(board.read().error().code, Code::temporary);
    own->show(page_of(1, 3));
    own->show(page_of(2, 5));
    EXPECT_EQ(*board.read(), page_of(2, 5));
  }
  EXPECT_TRUE(SharedBoard::open_all(dir.path())->empty());
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(SharedBoard, OneThatCannotBeMadeLeavesNothing) {
  support::TempDir dir;
  pid_t child = ::fork();
  if (child == 0) {
    rlimit limit{.rlim_cur = 65536, .rlim_max = 65536};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);
    ::_exit(SharedBoard::create(dir.path(), "run", kSince) ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "nothing is said later, by a signal";
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(SharedBoard, WhatADeadProcessLeftIsNotShown) {
  support::TempDir dir;
  pid_t child = ::fork();
  if (child == 0) {
    auto own = SharedBoard::create(dir.path(), "run", kSince);
    if (own) own->show(page_of(1, 1));
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  std::ofstream(dir / "run-1") << "nonsense";
  std::ofstream(dir / "other") << "not ours";
  EXPECT_FALSE(std::filesystem::is_empty(dir.path()));
  auto boards = SharedBoard::open_all(dir.path());
  ASSERT_TRUE(boards);
  EXPECT_TRUE(boards->empty());
  // The next one clears it away.
  {
    auto own = SharedBoard::create(dir.path(), "run", kSince);
    EXPECT_EQ(SharedBoard::open_all(dir.path())->size(), 1U);
  }
  std::filesystem::directory_iterator left(dir.path());
  EXPECT_EQ(left->path().filename(), "other");
  EXPECT_EQ(std::distance(left, {}), 1);
}

TEST(SharedBoard, AWishThatNobodyGrantsIsGivenUp) {
  support::TempDir dir;
  auto own = SharedBoard::create(dir.path(), "run", kSince);
  ASSERT_TRUE(own);
  for (int i = 0; i < 10; ++i) {
    auto asked = own->ask("pause x", 1ms);
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().code, Code::temporary);
  }
  own->serve([](std::string_view) -> base::Result<void> {
    ADD_FAILURE() << "what was given up is not granted";
    return {};
  });
}

// One object for all threads, so that a race is one for TSan, too: it knows no two
// addresses of the same page.
TEST(SharedBoardThreads, NoReaderSeesHalfAPage) {
  support::TempDir dir;
  auto own = SharedBoard::create(dir.path(), "run", kSince);
  ASSERT_TRUE(own);
  own->show(page_of(0, 1));
  std::atomic<bool> over = false;
  std::atomic<int> seen = 0;
  auto look = [&] {
    while (!over) {
      auto page = own->read();
      if (!page) continue;  // overtaken a thousand times
      double number = std::get<double>(page->facts[0].second);
      ASSERT_EQ(page->rows.size(), 1 + static_cast<std::size_t>(number) % 50);
      for (const auto& row : page->rows) ASSERT_EQ(row[1], Cell(number));
      ++seen;
    }
  };
  std::jthread one(look), two(look);
  for (int i = 1; i < 2000 || seen < 100; ++i)
    own->show(page_of(i, 1 + static_cast<std::size_t>(i) % 50));
  over = true;
}

TEST(SharedBoardThreads, EveryWishIsGrantedOnceAndAnswered) {
  support::TempDir dir;
  auto own = SharedBoard::create(dir.path(), "run", kSince);
  ASSERT_TRUE(own);
  std::atomic<int> asking = 3;
  std::atomic<int> well = 0, refused = 0;
  auto ask = [&](int who) {
    for (int i = 0; i < 50; ++i) {
      std::string wish = std::to_string(who) + (i % 2 == 0 ? " good" : " bad");
      auto asked = own->ask(wish, 60s);
      if (asked)
        ++well;
      else if (asked.error().text == "no: " + wish)
        ++refused;
    }
    --asking;
  };
  std::jthread one(ask, 1), two(ask, 2), three(ask, 3);
  int granted = 0;
  while (asking > 0) {
    own->serve([&](std::string_view wish) -> base::Result<void> {
      ++granted;
      if (wish.ends_with("good")) return {};
      return base::fail(Code::permanent, "no: " + std::string(wish));
    });
    std::this_thread::yield();
  }
  EXPECT_EQ(granted, 150);
  EXPECT_EQ(well, 75);
  EXPECT_EQ(refused, 75);
}

}  // namespace
