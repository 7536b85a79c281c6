// SPDX-License-Identifier: Apache-2.0
#include "base/lmdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
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
