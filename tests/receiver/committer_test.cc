// SPDX-License-Identifier: Apache-2.0
//
// What the spooler leaves on the disk, and in which order, when the disk works and when
// it does not.
#include "receiver/committer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <latch>
#include <list>
#include <map>

#include "net/task_group.h"
#include "receiver/spooler.h"
#include "tests/receiver/fsync_hook.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace {

std::mutex hook_mutex;
std::function<int(const std::string&)> fsync_hook;

std::string name_of(int fd) {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), none)
      .filename();
}

}  // namespace

receiver_test::FsyncHook::FsyncHook(std::function<int(const std::string&)> hook) {
  std::lock_guard guard(hook_mutex);
  fsync_hook = std::move(hook);
}

receiver_test::FsyncHook::~FsyncHook() {
  std::lock_guard guard(hook_mutex);
  fsync_hook = nullptr;
}

// The C library's, for this program.
extern "C" int fsync(int fd) {
  {
    std::lock_guard guard(hook_mutex);
    if (int error = fsync_hook ? fsync_hook(name_of(fd)) : 0; error != 0) {
      errno = error;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace receiver {
namespace {

namespace fs = std::filesystem;
using receiver_test::FsyncHook;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

// One message and what became of it.
struct Sent {
  Incoming incoming;
  std::string body;
  std::string queue = {};
  base::Result<void> result = {};
};

class CommitterThreads : public testing::Test {
 protected:
  Sent& begin(std::string body, std::optional<std::string> queue = {}) {
    return sent.emplace_back(Sent{spooler.begin(std::move(queue)), std::move(body)});
  }

  static asio::awaitable<void> commit(Spooler& to, Sent& one) {
    spoolfmt::HFile file;
    file.id = one.incoming.id();
    file.sender = "a@x.test";
    file.recipients.push_back({"b@y.test", {}, {}, 0, -1, false});
    file.headers.push_back({' ', "Subject: " + one.body + "\n"});
    LogLines lines{"<= a@x.test", "Received from a@x.test"};
    one.result = co_await to.commit(one.incoming, std::move(file), one.body, lines);
    if (one.result) one.incoming.keep();
  }

  void commit_all() {
    for (Sent& one : sent) tasks.spawn(commit(spooler, one));
    loop.run();
  }

  std::vector<std::string> names() const { return names_in(dir / "spool"); }
  std::string log_text() const { return *base::read_file(dir / "log/mainlog"); }

  support::TempDir dir;
  support::FakeClock clock;
  base::MainLog log = *base::MainLog::open(dir / "log/mainlog", clock);
  std::list<Sent> sent;
  net::Loop loop;
  net::TaskGroup tasks{loop};
  net::Pool pool{2};
  Spooler spooler{*spoolfmt::Spool::create(dir / "spool"), {}, log, clock, pool};
};

TEST_F(CommitterThreads, AMessageThatOnlyBeganHasTouchedNothing) {
  begin("x");
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CommitterThreads, RX20_NoHeaderFileIsThereBeforeItsBodyIsSynced) {
  Sent& one = begin("hello\n");
  std::string id = one.incoming.id().str();
  std::vector<std::string> synced;
  FsyncHook hook([&](const std::string& name) {
    synced.push_back(name);
    bool directory = name == "input";
    EXPECT_EQ(fs::exists(dir / "spool/input" / (id + "-H")), directory) << name;
    EXPECT_EQ(log_text().contains(id), false);
    return 0;
  });
  commit_all();
  ASSERT_TRUE(one.result) << one.result.error().text;
  ASSERT_THAT(synced, SizeIs(3));
  EXPECT_EQ(synced.back(), "input");
  synced.pop_back();
  EXPECT_THAT(synced, UnorderedElementsAre(id + "-D", "hdr." + id));
  EXPECT_THAT(names(), UnorderedElementsAre(id, id + "-D", id + "-H"));
  EXPECT_EQ(*base::read_file(dir / "spool/input" / (id + "-D")), id + "-D\nhello\n");
  EXPECT_TRUE(log_text().contains(" " + id + " <= a@x.test\n"));
}

TEST_F(CommitterThreads, MessagesThatComeMeanwhileShareOneSyncOfTheDirectory) {
  constexpr int kMany = 40;
  for (int i = 0; i < kMany; ++i) begin(std::to_string(i));
  // The disk does nothing until all have been handed over.
  std::map<std::string, int> synced;
  std::latch handed_over(1);
  FsyncHook hook([&](const std::string& name) {
    handed_over.wait();
    ++synced[name];
    return 0;
  });
  for (Sent& one : sent) tasks.spawn(commit(spooler, one));
  tasks.spawn([](std::latch& all) -> asio::awaitable<void> {
    all.count_down();
    co_return;
  }(handed_over));
  loop.run();
  for (const Sent& one : sent) {
    EXPECT_TRUE(one.result);
    EXPECT_EQ(synced[one.incoming.id().str() + "-D"], 1);
    EXPECT_EQ(synced["hdr." + one.incoming.id().str()], 1);
  }
  EXPECT_LT(synced["input"], kMany);
  EXPECT_THAT(names(), SizeIs(3 * kMany));
}

TEST_F(CommitterThreads, RX21_AFailedSyncIsFinalAndNothingRemains) {
  for (std::string_view failing : {"-D", "hdr.", "input"}) {
    Sent& one = begin("x");
    std::map<std::string, int> synced;
    {
      FsyncHook hook([&](const std::string& name) {
        ++synced[name];
        return name.contains(failing) ? EIO : 0;
      });
      commit_all();
    }
    ASSERT_FALSE(one.result) << failing;
    EXPECT_EQ(one.result.error().code, base::Code::disk);
    for (const auto& [name, times] : synced) EXPECT_EQ(times, 1) << name;
    sent.clear();
    EXPECT_THAT(names(), IsEmpty()) << failing;
    EXPECT_EQ(log_text(), "");
  }
}

TEST_F(CommitterThreads, OneMessagesTroubleIsItsOwn) {
  for (int i = 0; i < 30; ++i) begin(std::to_string(i));
  auto number = [&](int i) { return std::next(sent.begin(), i); };
  std::string eio = number(7)->incoming.id().str() + "-D";
  std::string full = "hdr." + number(11)->incoming.id().str();
  std::string taken = number(13)->incoming.id().str() + "-D";
  std::ofstream(dir / "spool/input" / taken) << "somebody else's";
  {
    FsyncHook hook([&](const std::string& name) {
      return name == eio ? EIO : name == full ? ENOSPC : 0;
    });
    commit_all();
  }
  EXPECT_EQ(number(7)->result.error().code, base::Code::disk);
  EXPECT_EQ(number(11)->result.error().code, base::Code::no_space);
  EXPECT_EQ(number(13)->result.error().code, base::Code::temporary);
  EXPECT_EQ(
      std::ranges::count_if(sent, [](auto& one) { return one.result.has_value(); }),
      27);
  sent.clear();
  EXPECT_THAT(names(), SizeIs(3 * 27 + 1));
  EXPECT_EQ(*base::read_file(dir / "spool/input" / taken), "somebody else's");
}

TEST_F(CommitterThreads, RX19_WhenAnIdIsTakenTheNextAreFarFromIt) {
  Sent& one = begin("x");
  std::ofstream(dir / "spool/input" / (one.incoming.id().str() + "-D")) << "taken";
  commit_all();
  ASSERT_FALSE(one.result);
  EXPECT_EQ(one.result.error().code, base::Code::temporary);
  clock.advance(std::chrono::seconds(1));
  Sent& next = begin("y");
  EXPECT_NE(spoolfmt::decode(next.incoming.id(), {}).pid,
            static_cast<std::uint64_t>(::getpid()));
  commit_all();
  EXPECT_TRUE(next.result);
}

TEST_F(CommitterThreads, ALongBodyIsWrittenAsItComesAndStoredForOthersToSee) {
  Sent& one = begin("");
  std::string seen;
  auto send = [](Spooler& to, Sent& what, std::string& read) -> asio::awaitable<void> {
    EXPECT_TRUE(co_await to.write(what.incoming, "one "));
    EXPECT_TRUE(co_await to.write(what.incoming, "two "));
    EXPECT_TRUE(co_await to.store(what.incoming, "three\n"));
    read = *base::read_file(*what.incoming.body_path());
    co_await commit(to, what);
  };
  tasks.spawn(send(spooler, one, seen));
  loop.run();
  EXPECT_TRUE(one.result);
  EXPECT_EQ(seen, one.incoming.id().str() + "-D\none two three\n");
  EXPECT_EQ(one.incoming.body_size(), 14U);
  EXPECT_THAT(names(), SizeIs(3));
}

TEST_F(CommitterThreads, ABodyThatIsNotCommittedVanishes) {
  Sent& one = begin("");
  auto send = [](Spooler& to, Sent& what) -> asio::awaitable<void> {
    EXPECT_TRUE(co_await to.write(what.incoming, "one "));
  };
  tasks.spawn(send(spooler, one));
  loop.run();
  EXPECT_THAT(names(), ElementsAre(one.incoming.id().str() + "-D"));
  sent.clear();
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(CommitterThreads, AMessageMayGoToAQueueOfItsOwn) {
  Sent& one = begin("x", "slow");
  Sent& two = begin("x", "../x");
  commit_all();
  EXPECT_TRUE(one.result);
  EXPECT_THAT(names_in(dir / "spool/slow/input"), SizeIs(2));
  EXPECT_THAT(names_in(dir / "spool/slow/msglog"), SizeIs(1));
  EXPECT_EQ(two.result.error().code, base::Code::usage);
}

TEST_F(CommitterThreads, WhatWasHandedOverIsDoneBeforeTheEnd) {
  support::TempDir other;
  net::Loop home;
  net::TaskGroup group(home);
  std::list<Sent> late;
  {
    Spooler brief{*spoolfmt::Spool::create(other / "spool"), {}, log, clock, pool};
    for (int i = 0; i < 20; ++i) {
      late.push_back(Sent{brief.begin(), "x"});
      group.spawn(commit(brief, late.back()));
    }
    group.spawn([](net::Loop& on) -> asio::awaitable<void> {
      on.stop();
      co_return;
    }(home));
    home.run();
  }
  EXPECT_EQ(std::ranges::count_if(names_in(other / "spool"),
                                  [](auto& name) { return name.ends_with("-H"); }),
            20);
}

}  // namespace
}  // namespace receiver
