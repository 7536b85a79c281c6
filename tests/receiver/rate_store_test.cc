// SPDX-License-Identifier: Apache-2.0
#include "receiver/rate_store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"

namespace {

using policy::RateEntry;
using receiver::RateStore;
using std::chrono::microseconds;

constexpr auto kRates = "db/bobbin/rates";

// One more event, as ratelimit counts them.
bool count_one(RateStore& store, std::string_view key, microseconds at = {}) {
  auto done = store.update(key, [&](std::optional<RateEntry>& entry) {
    entry = RateEntry{at, entry ? entry->rate + 1 : 1, entry ? entry->unique : "u"};
    return true;
  });
  EXPECT_TRUE(done) << done.error().text;
  return done.has_value();
}

std::optional<RateEntry> look(RateStore& store, std::string_view key) {
  std::optional<RateEntry> seen;
  EXPECT_TRUE(store.update(key, [&](std::optional<RateEntry>& entry) {
    seen = entry;
    return false;
  }));
  return seen;
}

TEST(RateStore, KeepsWhatItWasToldForTheNextOne) {
  support::TempDir spool;
  {
    auto store = RateStore::open(spool.path());
    ASSERT_TRUE(store) << store.error().text;
    EXPECT_FALSE(look(*store, "1h/per_mail/192.0.2.1"));
    count_one(*store, "1h/per_mail/192.0.2.1", microseconds(17));
    count_one(*store, "1h/per_mail/192.0.2.1", microseconds(18));
  }
  auto store = RateStore::open(spool.path());
  ASSERT_TRUE(store);
  auto entry = look(*store, "1h/per_mail/192.0.2.1");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->at, microseconds(18));
  EXPECT_EQ(entry->rate, 2);
  EXPECT_EQ(entry->unique, "u");
}

TEST(RateStore, ForgetsOldEntries) {
  support::TempDir spool;
  auto store = RateStore::open(spool.path());
  ASSERT_TRUE(store);
  for (int i = 0; i < 1200; ++i) count_one(*store, std::to_string(i), microseconds(i));
  ASSERT_TRUE(store->forget(microseconds(700)));
  EXPECT_FALSE(look(*store, "0"));
  EXPECT_FALSE(look(*store, "699"));
  EXPECT_TRUE(look(*store, "700"));
  EXPECT_TRUE(look(*store, "1199"));
}

TEST(RateStore, TellsLongKeysApart) {
  support::TempDir spool;
  auto store = RateStore::open(spool.path());
  ASSERT_TRUE(store);
  const std::string key(2000, 'k');
  count_one(*store, key + "1");
  EXPECT_TRUE(look(*store, key + "1"));
  EXPECT_FALSE(look(*store, key + "2"));
}

TEST(RateStore, BeginsADamagedFileAnew) {
  support::TempDir spool;
  std::filesystem::create_directories((spool / kRates).parent_path());
  std::ofstream(spool / kRates) << std::string(9000, 'x');
  auto store = RateStore::open(spool.path());
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_FALSE(look(*store, "a"));
  count_one(*store, "a");
  EXPECT_TRUE(look(*store, "a"));
}

// Each opens the database itself, as programs do.
TEST(RateStore, IsSharedByProcesses) {
  support::TempDir spool;
  constexpr int kEvents = 500, kProcesses = 2;
  for (int i = 0; i < kProcesses; ++i) {
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child > 0) continue;
    bool good = true;
    {
      auto store = RateStore::open(spool.path());
      for (int n = 0; store && n < kEvents; ++n) {
        good = good && count_one(*store, "all");
        good = good && count_one(*store, std::to_string(i * kEvents + n) +
                                             std::string(300, 'x'));
      }
      good = good && store.has_value();
    }
    ::_exit(good ? 0 : 1);
  }
  for (int i = 0; i < kProcesses; ++i) {
    int status = -1;
    ASSERT_GT(::wait(&status), 0);
    EXPECT_EQ(status, 0);
  }
  auto store = RateStore::open(spool.path());
  ASSERT_TRUE(store);
  EXPECT_EQ(look(*store, "all")->rate, kEvents * kProcesses);
}

TEST(RateStoreThreads, CountsEveryEventOfAllThreads) {
  support::TempDir spool;
  auto store = RateStore::open(spool.path());
  ASSERT_TRUE(store);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 300; ++n) count_one(*store, "all");
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(look(*store, "all")->rate, 1200);
}

}  // namespace
