// SPDX-License-Identifier: Apache-2.0
#include "hints/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/lmdb.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace std::chrono_literals;
using hints::RetryRecord;
using hints::SiteHash;
using hints::SiteHint;
using hints::Store;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

const base::Time kNow = base::Time(1'700'000'000s);

RetryRecord record(std::string text, base::Time last = kNow) {
  RetryRecord made;
  made.failure.text = std::move(text);
  made.first = made.last = last;
  made.next = last + 15min;
  return made;
}

std::string text_of(const Store& store, std::string_view key) {
  auto found = store.retry(key);
  return found ? found->failure.text : "-";
}

std::vector<std::string> keys_of(const Store& store) {
  std::vector<std::string> keys;
  store.for_each_retry([&](auto key, const auto&) {
    keys.emplace_back(key);
    return true;
  });
  return keys;
}

std::vector<std::string> keys_on_disk(const fs::path& spool) {
  std::vector<std::string> keys;
  auto read = hints::read_retry_records(spool, [&](auto key, const auto&) {
    keys.emplace_back(key);
    return true;
  });
  EXPECT_TRUE(read) << read.error().text;
  return keys;
}

// A store that never commits by itself, and remembers what it warned of.
struct Quiet {
  std::vector<std::string> warnings;
  Store::Settings settings{.commit_every = 1h, .commit_at = 1'000'000, .warn = {}};

  Quiet() {
    settings.warn = [this](const base::Error& error) {
      warnings.push_back(error.text);
    };
  }
};

// Runs `work` in a process of its own that ends without goodbye; its exit status, or
// 128 and the signal.
int in_child(const std::function<int()>& work) {
  pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST(Store, KeepsRecordsFromRunToRun) {
  support::TempDir spool;
  {
    auto store = Store::open(spool.path());
    EXPECT_TRUE(store.persistent());
    store.remember("T:mx:192.0.2.1", record("a"));
    store.remember("R:example.org", record("b"));
    store.remember("R:gone.example", record("c"));
    store.forget("R:gone.example");
    EXPECT_EQ(text_of(store, "T:mx:192.0.2.1"), "a");
    EXPECT_EQ(text_of(store, "R:gone.example"), "-");
  }
  auto store = Store::open(spool.path());
  EXPECT_EQ(store.retry("T:mx:192.0.2.1"), record("a"));
  EXPECT_EQ(text_of(store, "R:gone.example"), "-");
  EXPECT_THAT(keys_of(store), ElementsAre("R:example.org", "T:mx:192.0.2.1"));
}

TEST(Store, HasTheModesOfADirectoryOfItsOwn) {
  support::TempDir spool;
  ::umask(022);
  auto store = Store::open(spool.path());
  struct stat status{};
  ASSERT_EQ(::stat((spool / "db/bobbin").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750U);
  ASSERT_EQ(::stat(hints::store_path(spool.path()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640U);
}

TEST(Store, WhatIsQueuedIsSeenBeforeItIsCommitted) {
  support::TempDir spool;
  Quiet quiet;
  auto store = Store::open(spool.path(), quiet.settings);
  store.remember("R:a", record("old"));
  store.remember("R:c", record("c"));
  store.flush();
  EXPECT_THAT(keys_on_disk(spool.path()), ElementsAre("R:a", "R:c"));
  store.remember("R:a", record("new"));
  store.remember("R:b", record("b"));
  store.forget("R:c");
  store.remember("T:d", record("d"));
  EXPECT_EQ(text_of(store, "R:a"), "new");
  EXPECT_EQ(text_of(store, "R:c"), "-");
  EXPECT_THAT(keys_of(store), ElementsAre("R:a", "R:b", "T:d"));
  EXPECT_THAT(keys_on_disk(spool.path()), ElementsAre("R:a", "R:c"));
  store.flush();
  EXPECT_THAT(keys_on_disk(spool.path()), ElementsAre("R:a", "R:b", "T:d"));
}

TEST(Store, AWalkEndsWhenItsVisitorSaysSo) {
  support::TempDir spool;
  Quiet quiet;
  auto store = Store::open(spool.path(), quiet.settings);
  for (const char* key : {"R:a", "R:c", "R:e"}) store.remember(key, record("x"));
  store.flush();
  for (const char* key : {"R:b", "R:d", "R:f"}) store.remember(key, record("x"));
  for (std::size_t most = 1; most <= 6; ++most) {
    std::size_t seen = 0;
    store.for_each_retry([&](auto, const auto&) { return ++seen < most; });
    EXPECT_EQ(seen, most);
  }
}

TEST(Store, KeysMayBeLongerThanLmdbTakes) {
  support::TempDir spool;
  const std::string longer = "R:" + std::string(600, 'x') + "@example.org";
  const std::string other = "R:" + std::string(600, 'x') + "@example.com";
  const std::string edge(480, 'e'), past(481, 'e');
  {
    auto store = Store::open(spool.path());
    store.remember(longer, record("long"));
    store.remember(edge, record("480"));
    store.remember(past, record("481"));
  }
  auto store = Store::open(spool.path());
  EXPECT_EQ(text_of(store, longer), "long");
  EXPECT_EQ(text_of(store, other), "-");
  EXPECT_EQ(text_of(store, edge), "480");
  EXPECT_EQ(text_of(store, past), "481");
  EXPECT_THAT(keys_of(store), testing::UnorderedElementsAre(longer, edge, past));
  EXPECT_THAT(keys_on_disk(spool.path()),
              testing::UnorderedElementsAre(longer, edge, past));
  store.forget(longer);
  EXPECT_EQ(text_of(store, longer), "-");
}

TEST(Store, SitesAreForgottenAfterADay) {
  support::TempDir spool;
  SiteHash site{'\0', '\xff', 'x'};
  SiteHint hint{.window = 7.125, .updated = kNow};
  {
    auto store = Store::open(spool.path());
    EXPECT_FALSE(store.site(site, kNow));
    store.remember(site, hint);
  }
  auto store = Store::open(spool.path());
  EXPECT_EQ(store.site(site, kNow + 24h), hint);
  EXPECT_FALSE(store.site(site, kNow + 24h + 1s));
  store.sweep(kNow + 25h);
  EXPECT_FALSE(store.site(site, kNow));
}

TEST(Store, SweepsWhatIsOld) {
  support::TempDir spool;
  auto store = Store::open(spool.path());
  store.remember("R:old", record("x", kNow - 30 * 24h - 1s));
  store.remember("R:young", record("x", kNow - 30 * 24h));
  store.remember("R:" + std::string(500, 'o'), record("x", kNow - 31 * 24h));
  store.remember("T:mx:192.0.2.1:1xUrx0-0004wQ-2O", record("x"));
  store.remember("T:mx:[2001:db8::1]:1xUrx0-0004wb-2a", record("x"));
  store.remember("T:mx:[2001:db8::1]", record("x"));
  store.sweep(kNow, [](std::string_view id) { return id == "1xUrx0-0004wb-2a"; });
  EXPECT_THAT(keys_of(store), ElementsAre("R:young", "T:mx:[2001:db8::1]",
                                          "T:mx:[2001:db8::1]:1xUrx0-0004wb-2a"));
  // No sooner than an hour later, whoever asks.
  store.remember("R:old", record("x", kNow - 30 * 24h - 1s));
  store.sweep(kNow + 59min);
  EXPECT_TRUE(store.retry("R:old"));
  store.sweep(kNow + 1h);
  EXPECT_FALSE(store.retry("R:old"));
}

TEST(Store, Q97_WithoutAFileOneWarningAndMemory) {
  support::TempDir spool;
  std::ofstream(spool / "db") << "in the way";
  Quiet quiet;
  {
    auto store = Store::open(spool.path(), quiet.settings);
    EXPECT_FALSE(store.persistent());
    store.remember("R:a", record("a"));
    store.remember("R:b", record("b"));
    store.forget("R:b");
    store.flush();
    store.sweep(kNow);
    EXPECT_EQ(text_of(store, "R:a"), "a");
    EXPECT_THAT(keys_of(store), ElementsAre("R:a"));
  }
  ASSERT_EQ(quiet.warnings.size(), 1U);
  EXPECT_THAT(quiet.warnings[0], HasSubstr("db"));
}

TEST(Store, Q97_AReadOnlyDirectoryIsNoReasonToStop) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else for a while";
  support::TempDir spool;
  fs::permissions(spool.path(), fs::perms(0755));
  {
    Store::open(spool.path()).remember("R:a", record("a"));
  }
  fs::permissions(spool / "db/bobbin", fs::perms(0555));
  fs::permissions(spool / "db", fs::perms(0555));
  constexpr uid_t kNobody = 65534;
  int status = in_child([&] {
    if (::seteuid(kNobody) != 0) return 1;
    Quiet quiet;
    {
      auto store = Store::open(spool.path(), quiet.settings);
      if (store.persistent()) return 2;
      store.remember("R:b", record("b"));
      store.flush();
      if (text_of(store, "R:b") != "b") return 3;
    }
    return quiet.warnings.size() == 1 ? 0 : 4;
  });
  EXPECT_EQ(status, 0);
}

TEST(Store, AFullDiskIsNoReasonToStop) {
  support::TempDir spool;
  int status = in_child([&] {
    Quiet quiet;
    {
      auto store = Store::open(spool.path(), quiet.settings);
      store.remember("R:before", record("x"));
      store.flush();
      ::signal(SIGXFSZ, SIG_IGN);
      rlimit limit{32768, 32768};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      for (int i = 0; i < 500; ++i)
        store.remember("R:" + std::to_string(i), record(std::string(900, 'x')));
      store.flush();
      if (store.persistent()) return 1;
      if (text_of(store, "R:499").size() != 900) return 2;
      if (text_of(store, "R:before") != "x") return 3;
      store.forget("R:before");
      if (text_of(store, "R:before") != "-") return 4;
      if (keys_of(store).size() != 500) return 5;
    }
    return quiet.warnings.size() == 1 ? 0 : 6;
  });
  EXPECT_EQ(status, 0);
}

TEST(Store, ADamagedFileIsBegunAnew) {
  support::TempDir spool;
  {
    Store::open(spool.path()).remember("R:a", record("a"));
  }
  std::ofstream(hints::store_path(spool.path())) << std::string(20'000, 'j');
  Quiet quiet;
  auto store = Store::open(spool.path(), quiet.settings);
  EXPECT_TRUE(store.persistent());
  EXPECT_EQ(text_of(store, "R:a"), "-");
  store.remember("R:b", record("b"));
  store.flush();
  EXPECT_THAT(keys_on_disk(spool.path()), ElementsAre("R:b"));
  EXPECT_TRUE(quiet.warnings.empty());
}

TEST(Store, Q64_AFileThatSomebodyRemovesIsBegunAnew) {
  support::TempDir spool;
  auto store = Store::open(spool.path());
  store.remember("R:a", record("a"));
  store.flush();
  fs::remove_all(spool / "db/bobbin/run");
  fs::remove_all(spool / "db/bobbin/run-lock");
  store.remember("R:b", record("b"));
  store.flush();
  EXPECT_THAT(keys_on_disk(spool.path()), ElementsAre("R:b"));
}

TEST(Store, WhoOnlyLooksMakesNothing) {
  support::TempDir spool;
  EXPECT_THAT(keys_on_disk(spool.path()), ElementsAre());
  EXPECT_TRUE(fs::is_empty(spool.path()));
}

TEST(Store, TwoProcessesShareIt) {
  support::TempDir spool;
  constexpr int kEach = 300;
  auto write = [&](const std::string& name) {
    auto store = Store::open(spool.path(), {.commit_every = 1ms, .commit_at = 7});
    for (int i = 0; i < kEach; ++i) {
      store.remember("R:" + name + std::to_string(i), record(name));
      if (text_of(store, "R:" + name + std::to_string(i)) != name) return 1;
    }
    return store.persistent() ? 0 : 2;
  };
  pid_t child = ::fork();
  if (child == 0) ::_exit(write("child"));
  EXPECT_EQ(write("parent"), 0);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(keys_on_disk(spool.path()).size(), 2U * kEach);
}

TEST(Store, AWriterThatIsKilledLeavesASoundFile) {
  support::TempDir spool;
  std::mt19937 random(3);
  int committed = 0;
  for (int round = 0; round < 20; ++round) {
    int pipes[2];
    ASSERT_EQ(::pipe(pipes), 0);
    pid_t child = ::fork();
    if (child == 0) {
      auto store = Store::open(spool.path(), {.commit_every = 1ms, .commit_at = 5});
      for (int i = 0;; ++i) {
        store.remember("R:" + std::to_string(round) + "." + std::to_string(i),
                       record(std::string(200, 'x')));
        if (i % 10 != 9) continue;
        store.flush();
        if (::write(pipes[1], "f", 1) != 1) ::_exit(1);
      }
    }
    ::close(pipes[1]);
    // So many groups of ten are committed, then it dies wherever it is.
    auto groups = random() % 5 + 1;
    for (char said = 0; groups > 0; --groups) ASSERT_EQ(::read(pipes[0], &said, 1), 1);
    committed += 10;
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(pipes[0]);
    std::map<int, int> of_round;
    for (const auto& key : keys_on_disk(spool.path()))
      of_round[std::stoi(key.substr(2))]++;
    EXPECT_EQ(of_round.size(), static_cast<std::size_t>(round) + 1);
    EXPECT_GE(of_round[round], 10);
  }
  auto store = Store::open(spool.path());
  EXPECT_TRUE(store.persistent());
  EXPECT_GE(keys_of(store).size(), static_cast<std::size_t>(committed));
}

TEST(StoreThreads, ManyReadAndWriteAtOnce) {
  support::TempDir spool;
  Store store = Store::open(spool.path(), {.commit_every = 1ms, .commit_at = 16});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 400; ++i) {
        auto key = "R:" + std::to_string(thread) + "." + std::to_string(i);
        store.remember(key, record(key));
        EXPECT_EQ(text_of(store, key), key) << "what I wrote";
        if (i % 3 == 0) {
          store.forget(key);
          EXPECT_EQ(text_of(store, key), "-");
        }
        if (i % 100 == 0) store.flush();
        if (i % 150 == 1) {
          EXPECT_FALSE(keys_of(store).empty());
        }
      }
    });
  for (auto& thread : threads) thread.join();
  store.sweep(kNow);
  EXPECT_EQ(keys_of(store).size(), 4U * (400 - 134));
}
