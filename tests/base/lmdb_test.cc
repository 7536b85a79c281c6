// SPDX-License-Identifier: Apache-2.0
#include "base/lmdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"

namespace {

using base::Code;
using base::LmdbReader;
using testing::HasSubstr;

// A writer as any other program may be: it has the database open while we read.
class Writer {
 public:
  explicit Writer(const std::filesystem::path& path,
                  std::size_t map_size = std::size_t{1} << 20) {
    EXPECT_EQ(mdb_env_create(&env_), 0);
    EXPECT_EQ(mdb_env_set_mapsize(env_, map_size), 0);
    EXPECT_EQ(mdb_env_open(env_, path.c_str(), MDB_NOSUBDIR | MDB_NOSYNC, 0644), 0);
  }
  ~Writer() { mdb_env_close(env_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void put(std::string_view key, std::string_view value) {
    MDB_txn* transaction = nullptr;
    MDB_dbi database = 0;
    ASSERT_EQ(mdb_txn_begin(env_, nullptr, 0, &transaction), 0);
    ASSERT_EQ(mdb_dbi_open(transaction, nullptr, 0, &database), 0);
    MDB_val k{key.size(), const_cast<char*>(key.data())};
    MDB_val v{value.size(), const_cast<char*>(value.data())};
    ASSERT_EQ(mdb_put(transaction, database, &k, &v, 0), 0);
    ASSERT_EQ(mdb_txn_commit(transaction), 0);
  }
  void grow(std::size_t map_size) { ASSERT_EQ(mdb_env_set_mapsize(env_, map_size), 0); }

 private:
  MDB_env* env_ = nullptr;
};

// "-" if it is not there, "!" and the text if it cannot be asked.
std::string ask(const LmdbReader& reader, std::string_view key) {
  std::string value;
  auto found = reader.get(key, value);
  if (!found) return "!" + found.error().text;
  return *found ? value : "-";
}

class Lmdb : public testing::Test {
 protected:
  support::TempDir dir;
  std::filesystem::path path = dir.path() / "hosts.db";
};

}  // namespace

TEST_F(Lmdb, FindsKeysByteForByte) {
  using namespace std::string_literals;
  Writer writer(path);
  writer.put("example.net", "relay");
  writer.put("nul\0"s, "with\0nul"s);
  auto reader = LmdbReader::open(path);
  ASSERT_TRUE(reader) << reader.error().text;
  EXPECT_EQ(ask(*reader, "example.net"), "relay");
  EXPECT_EQ(ask(*reader, "Example.net"), "-");
  EXPECT_EQ(ask(*reader, "nul"), "-");
  EXPECT_EQ(ask(*reader, "nul\0"s), "with\0nul"s);
}

TEST_F(Lmdb, LM7_AKeyNoDatabaseCanHoldIsNotThere) {
  Writer writer(path);
  writer.put("a", "b");
  auto reader = LmdbReader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_EQ(ask(*reader, ""), "-");
  EXPECT_EQ(ask(*reader, std::string(512, 'x')), "-");
  EXPECT_EQ(ask(*reader, std::string(100'000, 'x')), "-");
}

TEST_F(Lmdb, LM4_SeesWhatIsWrittenWhileItIsOpen) {
  Writer writer(path);
  writer.put("a", "1");
  auto reader = LmdbReader::open(path);
  ASSERT_TRUE(reader);
  for (int i = 0; i < 20; ++i) {
    writer.put("a", std::to_string(i));
    EXPECT_EQ(ask(*reader, "a"), std::to_string(i));
  }
}

TEST_F(Lmdb, LM5_FollowsAWriterThatMadeTheMapLarger) {
  Writer writer(path, std::size_t{64} << 10);
  writer.put("a", "1");
  auto reader = LmdbReader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_EQ(ask(*reader, "a"), "1");
  writer.grow(std::size_t{16} << 20);
  for (int i = 0; i < 1000; ++i) writer.put(std::to_string(i), std::string(1000, 'x'));
  EXPECT_EQ(ask(*reader, "999"), std::string(1000, 'x'));
  EXPECT_EQ(ask(*reader, "a"), "1");
}

TEST_F(Lmdb, LM6_RefusesWhatIsNoWholeDatabase) {
  {
    Writer writer(path);
    for (int i = 0; i < 100; ++i) writer.put(std::to_string(i), std::string(500, 'x'));
  }
  std::filesystem::resize_file(path, 3 * 4096);
  auto reader = LmdbReader::open(path);
  ASSERT_FALSE(reader);
  EXPECT_THAT(reader.error().text, HasSubstr("cut short"));

  std::ofstream(dir.path() / "junk") << std::string(20'000, 'j');
  reader = LmdbReader::open(dir.path() / "junk");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Code::syntax);

  std::ofstream(dir.path() / "empty") << "";
  reader = LmdbReader::open(dir.path() / "empty");
  ASSERT_FALSE(reader);
  EXPECT_THAT(reader.error().text, HasSubstr("empty"));

  reader = LmdbReader::open(dir.path() / "none");
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, Code::not_found);
}

TEST_F(Lmdb, AnswersWhatTheFilesSizeLets) {
  Writer writer(path);
  writer.put("a", "1");
  auto reader = LmdbReader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_TRUE(reader->check_size());
}

TEST_F(Lmdb, LM3_ReadsWhereTheLockFileCannotBeMade) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be somebody else for a while";
  {
    Writer writer(path);
    writer.put("a", "1");
  }
  std::filesystem::remove(path.string() + "-lock");
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(seteuid(kNobody), 0);
  auto reader = LmdbReader::open(path);
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_TRUE(reader) << reader.error().text;
  EXPECT_FALSE(std::filesystem::exists(path.string() + "-lock"));
  EXPECT_EQ(ask(*reader, "a"), "1");
}

// Adds one to the number that `key` has.
void add_one(base::LmdbHints& hints, std::string_view key) {
  auto done = hints.update(key, [](std::optional<std::string>& value) {
    value = std::to_string(std::stoi(value.value_or("0")) + 1);
    return true;
  });
  EXPECT_TRUE(done) << done.error().text;
}

std::string value_of(base::LmdbHints& hints, std::string_view key) {
  std::string text = "-";
  EXPECT_TRUE(hints.update(key, [&](std::optional<std::string>& value) {
    text = value.value_or("-");
    return false;
  }));
  return text;
}

TEST_F(Lmdb, HintsAreChangedUnlessToldNotTo) {
  auto hints = base::LmdbHints::open(path);
  ASSERT_TRUE(hints) << hints.error().text;
  EXPECT_EQ(value_of(*hints, "a"), "-");
  add_one(*hints, "a");
  add_one(*hints, "a");
  EXPECT_EQ(value_of(*hints, "a"), "2");
  ASSERT_TRUE(hints->update("a", [](std::optional<std::string>& value) {
    value.reset();
    return true;
  }));
  EXPECT_EQ(value_of(*hints, "a"), "-");
  EXPECT_FALSE(hints->update("", [](auto&) { return true; })) << "no database has it";
}

TEST_F(Lmdb, HintsGrowTheMapAndEraseManyEntries) {
  auto hints = base::LmdbHints::open(path, std::size_t{64} << 10);
  ASSERT_TRUE(hints);
  for (int i = 0; i < 2000; ++i)
    add_one(*hints, std::to_string(i) + std::string(300, 'x'));
  EXPECT_GT(std::filesystem::file_size(path), std::size_t{512} << 10);
  int seen = 0;
  ASSERT_TRUE(hints->erase_if([&](std::string_view key, std::string_view value) {
    ++seen;
    EXPECT_EQ(value, "1");
    return key.starts_with('1');
  }));
  EXPECT_EQ(seen, 2000);
  EXPECT_EQ(value_of(*hints, "1" + std::string(300, 'x')), "-");
  EXPECT_EQ(value_of(*hints, "1999" + std::string(300, 'x')), "-");
  EXPECT_EQ(value_of(*hints, "2" + std::string(300, 'x')), "1");
}

TEST_F(Lmdb, AWalkGoesInTheOrderOfKeysFromWhereItIsTold) {
  {
    Writer writer(path, std::size_t{16} << 20);
    for (int i = 0; i < 2500; ++i) {
      char key[8];
      std::snprintf(key, sizeof key, "%05d", i * 7919 % 2500);
      writer.put(key, std::to_string(i));
    }
  }
  auto reader = LmdbReader::open(path);
  ASSERT_TRUE(reader);
  auto walk = [](const auto& database, std::string_view from, int most) {
    std::vector<std::string> keys;
    auto done = database.for_each(from, [&](auto key, auto) {
      keys.emplace_back(key);
      return static_cast<int>(keys.size()) < most;
    });
    EXPECT_TRUE(done) << done.error().text;
    return keys;
  };
  auto all = walk(*reader, "", 9999);
  ASSERT_EQ(all.size(), 2500U);
  EXPECT_TRUE(std::ranges::is_sorted(all));
  EXPECT_EQ(walk(*reader, "00999x", 2), (std::vector<std::string>{"01000", "01001"}));
  EXPECT_EQ(walk(*reader, "02499", 5), (std::vector<std::string>{"02499"}));
  EXPECT_TRUE(walk(*reader, "1", 5).empty());
  EXPECT_TRUE(walk(*reader, std::string(600, '9'), 5).empty());

  auto hints = base::LmdbHints::open(dir.path() / "hints");
  ASSERT_TRUE(hints);
  EXPECT_TRUE(walk(*hints, "", 5).empty());
}

TEST_F(Lmdb, HintsAreReadWithoutAWriter) {
  auto hints = base::LmdbHints::open(path);
  ASSERT_TRUE(hints);
  std::string value;
  EXPECT_FALSE(*hints->get("a", value));
  ASSERT_TRUE(hints->write({{"a", "1"}, {"b", "2"}, {"c", std::nullopt}}));
  EXPECT_TRUE(*hints->get("a", value));
  EXPECT_EQ(value, "1");
  ASSERT_TRUE(hints->write({{"a", std::nullopt}, {"b", "3"}}));
  EXPECT_FALSE(*hints->get("a", value));
  EXPECT_EQ(value_of(*hints, "b"), "3");
  EXPECT_FALSE(hints->write({{"x", "1"}, {std::string(600, 'k'), "2"}}));
  EXPECT_FALSE(*hints->get("x", value)) << "all or nothing";
  EXPECT_TRUE(hints->sync());
  // Seen while another change is being made.
  ASSERT_TRUE(hints->update("b", [&](std::optional<std::string>& changed) {
    changed = "4";
    std::thread([&] { EXPECT_TRUE(*hints->get("b", value)); }).join();
    EXPECT_EQ(value, "3");
    return true;
  }));
}

TEST_F(Lmdb, LastingHintsOfAnEarlierBootAreKept) {
  using Life = base::LmdbHints::Life;
  for (Life life : {Life::nearly_lasting, Life::lasting}) {
    {
      auto hints = base::LmdbHints::open(path, 1 << 20, life);
      ASSERT_TRUE(hints);
      add_one(*hints, "a");
    }
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::years(5));
  }
  auto hints = base::LmdbHints::open(path, 1 << 20, Life::lasting);
  ASSERT_TRUE(hints);
  EXPECT_EQ(value_of(*hints, "a"), "2");
}

TEST_F(Lmdb, HintsThatRootMakesBelongToTheOwnerOfTheDirectory) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make files for others";
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(chown(dir.path().c_str(), kNobody, kNobody), 0);
  auto hints = base::LmdbHints::open(path);
  ASSERT_TRUE(hints);
  for (const std::string& file : {path.string(), path.string() + "-lock"}) {
    struct stat status{};
    ASSERT_EQ(stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, kNobody) << file;
  }
}

TEST_F(Lmdb, DamagedHintsAreBegunAnew) {
  std::ofstream(path) << std::string(20'000, 'j');
  auto hints = base::LmdbHints::open(path);
  ASSERT_TRUE(hints) << hints.error().text;
  for (int i = 0; i < 200; ++i)
    add_one(*hints, std::to_string(i) + std::string(300, 'x'));
  hints = base::LmdbHints::open(dir.path() / "other");
  std::filesystem::resize_file(path, 3 * 4096);
  hints = base::LmdbHints::open(path);
  ASSERT_TRUE(hints) << hints.error().text;
  EXPECT_EQ(value_of(*hints, "1" + std::string(300, 'x')), "-");
}

TEST_F(Lmdb, HintsOfAnEarlierBootAreBegunAnew) {
  {
    auto hints = base::LmdbHints::open(path);
    ASSERT_TRUE(hints);
    add_one(*hints, "a");
  }
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() - std::chrono::years(5));
  auto hints = base::LmdbHints::open(path);
  ASSERT_TRUE(hints);
  EXPECT_EQ(value_of(*hints, "a"), "-");
}

TEST_F(Lmdb, RemovedHintsAreBegunAnewWhileTheyAreOpen) {
  auto hints = base::LmdbHints::open(path);
  ASSERT_TRUE(hints);
  add_one(*hints, "a");
  std::filesystem::remove(path);
  std::filesystem::remove(path.string() + "-lock");
  add_one(*hints, "a");
  EXPECT_EQ(value_of(*hints, "a"), "1");
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(LmdbThreads, HintsAreCountedOnceByAllThreadsWhileTheMapGrows) {
  support::TempDir dir;
  auto hints = base::LmdbHints::open(dir / "hints", std::size_t{64} << 10);
  ASSERT_TRUE(hints);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 300; ++n) {
        add_one(*hints, "all");
        add_one(*hints, std::to_string(i * 1000 + n) + std::string(300, 'x'));
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(value_of(*hints, "all"), "1200");
}

TEST(LmdbThreads, HintsAreReadWhileTheyGrowAndAreReplaced) {
  support::TempDir dir;
  auto hints = base::LmdbHints::open(dir / "hints", std::size_t{64} << 10);
  ASSERT_TRUE(hints);
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      std::string value;
      while (!done) {
        auto found = hints->get("all", value);
        EXPECT_TRUE(found) << found.error().text;
        EXPECT_TRUE(hints->for_each("", [](auto, auto) { return true; }));
      }
    });
  for (int n = 0; n < 300; ++n) {
    add_one(*hints, "all");
    add_one(*hints, std::to_string(n) + std::string(300, 'x'));
    if (n % 100 == 99) std::filesystem::remove(dir / "hints");
  }
  done = true;
  for (auto& thread : threads) thread.join();
}

TEST(LmdbThreads, ManyReadWhileOneWritesAndGrows) {
  support::TempDir dir;
  Writer writer(dir.path() / "db", std::size_t{64} << 10);
  writer.put("fixed", "stays");
  auto reader = LmdbReader::open(dir.path() / "db");
  ASSERT_TRUE(reader);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) EXPECT_EQ(ask(*reader, "fixed"), "stays");
    });
  writer.grow(std::size_t{16} << 20);
  for (int n = 0; n < 500; ++n) writer.put(std::to_string(n), std::string(500, 'x'));
  for (auto& thread : threads) thread.join();
}
