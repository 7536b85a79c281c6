// SPDX-License-Identifier: Apache-2.0
#include "hints/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace std::chrono_literals;
using hints::Alive;
using hints::is_alive;
using hints::Leases;
using hints::Owner;

// Another process that holds slots until it is told to end.
class Neighbour {
 public:
  Neighbour(const std::filesystem::path& spool, const base::Clock& clock, int slots,
            std::function<void(Owner&)> pretend = {}) {
    int to[2], from[2];
    EXPECT_EQ(::pipe(to), 0);
    EXPECT_EQ(::pipe(from), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(to[1]);
      Owner owner = Owner::self();
      if (pretend) pretend(owner);
      auto leases = std::make_optional(Leases::open(spool, clock, {}, owner));
      char taken = '0';
      for (int i = 0; i < slots; ++i)
        if (leases->take("Ssite", 20)) ++taken;
      char order = 'k';
      if (::write(from[1], &taken, 1) != 1 || ::read(to[0], &order, 1) < 0) ::_exit(1);
      if (order == 'q') leases.reset();  // a proper end
      ::_exit(0);
    }
    ::close(to[0]);
    ::close(from[1]);
    order_ = to[1];
    char taken = 0;
    EXPECT_EQ(::read(from[0], &taken, 1), 1);
    EXPECT_EQ(taken - '0', slots);
    ::close(from[0]);
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;
  ~Neighbour() {
    if (child_ > 0) kill();
    ::close(order_);
  }

  void quit() {
    EXPECT_EQ(::write(order_, "q", 1), 1);
    reap();
  }
  void kill() {
    ::kill(child_, SIGKILL);
    reap();
  }
  void kill_and_leave_a_zombie() {
    ::kill(child_, SIGKILL);
    siginfo_t ignored;
    ::waitid(P_PID, static_cast<id_t>(child_), &ignored, WEXITED | WNOWAIT);
  }

 private:
  void reap() {
    EXPECT_EQ(::waitpid(child_, nullptr, 0), child_);
    child_ = 0;
  }

  pid_t child_ = 0;
  int order_ = -1;
};

class LeasesTest : public testing::Test {
 protected:
  support::TempDir spool;
  support::FakeClock clock;
};

}  // namespace

TEST(Owner, IsThisProcessAndNoOther) {
  Owner self = Owner::self();
  EXPECT_EQ(self, Owner::self());
  EXPECT_EQ(self.pid, ::getpid());
  EXPECT_GT(self.start, 0U);
  EXPECT_EQ(is_alive(self), Alive::yes);
  Owner other = self;
  ++other.start;
  EXPECT_EQ(is_alive(other), Alive::no) << "the number came again";
  other = self;
  other.boot[0] = static_cast<char>(other.boot[0] + 1);
  EXPECT_EQ(is_alive(other), Alive::no) << "before the machine started";
  other = self;
  ++other.space;
  EXPECT_EQ(is_alive(other), Alive::unknown) << "in another container";
  other = self;
  other.pid = 0x3fffffff;
  EXPECT_EQ(is_alive(other), Alive::no);
}

TEST_F(LeasesTest, NoMoreThanTheLimit) {
  auto leases = Leases::open(spool.path(), clock);
  EXPECT_TRUE(leases.take("Sa", 2));
  EXPECT_TRUE(leases.take("Sa", 2));
  EXPECT_FALSE(leases.take("Sa", 2));
  EXPECT_TRUE(leases.take("Sb", 1)) << "another site";
  EXPECT_EQ(leases.held("Sa"), 2U);
  leases.give_back("Sa");
  EXPECT_EQ(leases.held("Sa"), 1U);
  EXPECT_TRUE(leases.take("Sa", 2));
  EXPECT_FALSE(leases.take("Sa", 0));
  leases.give_back("Sc");
  EXPECT_EQ(leases.held("Sc"), 0U);
}

TEST_F(LeasesTest, Q36_ProcessesShareTheSlots) {
  Neighbour neighbour(spool.path(), clock, 3);
  auto leases = Leases::open(spool.path(), clock);
  EXPECT_EQ(leases.held("Ssite"), 3U);
  EXPECT_TRUE(leases.take("Ssite", 5));
  EXPECT_TRUE(leases.take("Ssite", 5));
  EXPECT_FALSE(leases.take("Ssite", 5));
  neighbour.quit();
  EXPECT_EQ(leases.held("Ssite"), 2U) << "given back at its end";
  EXPECT_TRUE(leases.take("Ssite", 5));
}

TEST_F(LeasesTest, Q41_TheSlotsOfTheDeadAreFreeAtOnce) {
  Neighbour neighbour(spool.path(), clock, 3);
  auto leases = Leases::open(spool.path(), clock);
  EXPECT_FALSE(leases.take("Ssite", 3));
  neighbour.kill_and_leave_a_zombie();
  EXPECT_TRUE(leases.take("Ssite", 3));
  EXPECT_EQ(leases.held("Ssite"), 1U);
}

TEST_F(LeasesTest, Q41_WhoHangsKeepsThemForAMinute) {
  Neighbour neighbour(spool.path(), clock, 3);
  auto leases = Leases::open(spool.path(), clock);
  clock.advance(59s);
  EXPECT_FALSE(leases.take("Ssite", 3));
  clock.advance(2s);
  EXPECT_TRUE(leases.take("Ssite", 3));
}

TEST_F(LeasesTest, WhoCannotBeJudgedKeepsThemForAMinute) {
  Neighbour neighbour(spool.path(), clock, 3, [](Owner& owner) { ++owner.space; });
  auto leases = Leases::open(spool.path(), clock);
  neighbour.kill();
  EXPECT_FALSE(leases.take("Ssite", 3));
  clock.advance(61s);
  EXPECT_TRUE(leases.take("Ssite", 3));
}

TEST_F(LeasesTest, RenewalKeepsThem) {
  {
    auto leases = Leases::open(spool.path(), clock);
    ASSERT_TRUE(leases.take("Ssite", 1));
    clock.advance(50s);
    leases.renew();
    clock.advance(50s);
    EXPECT_EQ(leases.held("Ssite"), 1U);
  }
  auto leases = Leases::open(spool.path(), clock);
  EXPECT_EQ(leases.held("Ssite"), 0U) << "the object's end gave them back";
}

TEST_F(LeasesTest, AClockSteppedBackFreesThem) {
  clock.advance(24h);
  Neighbour neighbour(spool.path(), clock, 3);
  auto leases = Leases::open(spool.path(), clock);
  clock.advance(-12h);
  EXPECT_TRUE(leases.take("Ssite", 1));
}

TEST_F(LeasesTest, Q97_WithoutAFileThisProcessCountsForItself) {
  std::ofstream(spool / "db") << "in the way";
  std::vector<std::string> warnings;
  auto leases = Leases::open(spool.path(), clock, [&](const base::Error& error) {
    warnings.push_back(error.text);
  });
  EXPECT_TRUE(leases.take("Sa", 2));
  EXPECT_TRUE(leases.take("Sa", 2));
  EXPECT_FALSE(leases.take("Sa", 2));
  leases.give_back("Sa");
  EXPECT_TRUE(leases.take("Sa", 2));
  leases.renew();
  EXPECT_EQ(leases.held("Sa"), 2U);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], testing::HasSubstr("db"));
}

TEST(LeasesThreads, SlotsAreCountedOnce) {
  support::TempDir spool;
  support::FakeClock clock;
  auto leases = Leases::open(spool.path(), clock);
  std::atomic<int> open{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        if (!leases.take("Ssite", 3)) continue;
        EXPECT_LE(++open, 3);
        if (i % 20 == 0) leases.renew();
        --open;
        leases.give_back("Ssite");
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(leases.held("Ssite"), 0U);
}
