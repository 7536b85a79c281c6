// SPDX-License-Identifier: Apache-2.0
//
// Directories, lookups, scans, locks and the life of a message in a spool of our own.
#include "spoolfmt/spool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/fd.h"
#include "spoolfmt/locked_message.h"
#include "spoolfmt/new_message.h"
#include "spoolfmt/queued.h"
#include "tests/support/temp_dir.h"

namespace spoolfmt {
namespace {

namespace fs = std::filesystem;

const MessageId kOld = *MessageId::parse("1xUYvJ-0004Zg-2C");
const MessageId kLong = *MessageId::parse("1xUYvo-000000005kR-09xI");

HFile sound(const MessageId& id) {
  HFile file;
  file.id = id;
  file.login = "root";
  file.sender = "alice@sender.example";
  file.received = 1795220745;
  file.set_flag("deliver_firsttime");
  file.recipients.push_back({"TWO@Ok.Example", "", "", 0, -1, false});
  file.recipients.push_back({"bob@remote.example", "", "", 0, -1, false});
  file.headers.push_back({'F', "From: a@b\n"});
  return file;
}

void put(const Spool& spool, const MessageId& id, std::string_view body = "body\n") {
  auto message = NewMessage::create(spool, id);
  ASSERT_TRUE(message) << message.error().text;
  ASSERT_TRUE(message->write_body(body));
  ASSERT_TRUE(message->commit(sound(id)));
  message->keep();
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (!entry.is_directory()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void ignore(const base::Error&) {}

TEST(Spool, AMissingSpoolIsNamedWithTheRemedy) {
  auto spool = Spool::open("/nonexistent/spool");
  ASSERT_FALSE(spool);
  EXPECT_EQ(spool.error().code, base::Code::not_found);
  EXPECT_NE(spool.error().text.find("/nonexistent/spool/input"), std::string::npos);
  EXPECT_EQ(Spool::open("/tmp", "../x").error().code, base::Code::usage);
}

TEST(Spool, Spool4_NewMessagesGoToTheLetterOfTheSettingAndBothPlacesAreRead) {
  support::TempDir dir;
  auto split = *Spool::create(dir / "spool", "", true);
  auto flat = *Spool::open(dir / "spool", "", false);
  put(split, kOld);
  put(flat, kLong);
  EXPECT_TRUE(fs::exists(dir / "spool/input/J/1xUYvJ-0004Zg-2C-H"));
  EXPECT_TRUE(fs::exists(dir / "spool/input/1xUYvo-000000005kR-09xI-H"));
  for (const Spool& spool : {split, flat}) {
    EXPECT_EQ(*spool.locate(kOld, "-H"), 'J');
    EXPECT_EQ(*spool.locate(kLong, "-H"), '\0');
    auto entries = spool.sorted(ignore);
    ASSERT_TRUE(entries);
    ASSERT_EQ(entries->size(), 2U);
    EXPECT_EQ((*entries)[0].stem(), kOld.text());
  }
  EXPECT_EQ(flat.locate(*MessageId::parse("1xUYvJ-0004Zg-2D"), "-H").error().code,
            base::Code::not_found);
}

TEST(Spool, NamedQueuesHaveDirectoriesOfTheirOwn) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool", "slowlane");
  put(spool, kOld);
  EXPECT_TRUE(fs::exists(dir / "spool/slowlane/input/1xUYvJ-0004Zg-2C-H"));
}

TEST(Spool, Spool30_AMessageIsListedIffItsHExists) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  put(spool, kOld);
  for (const char* name :
       {"1xUYvJ-0004Zh-2C-D", "1xUYvJ-0004Zi-2C-J", "hdr.1xUYvJ-0004Zg-2C", "README",
        "1xUYvJ-0004Zg-2C-123-K", "1xUYvJ-0004Zg-2C-H.bak"})
    std::ofstream(spool.input() / name) << "x";
  auto entries = *spool.sorted(ignore);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].stem(), kOld.text());
  // What Exim would list although it is no id is seen, and is nobody's message.
  std::ofstream(spool.input() / "not_a_message_id-H") << "x";
  entries = *spool.sorted(ignore);
  ASSERT_EQ(entries.size(), 2U);
  Queued queued;
  ASSERT_TRUE(Looker(spool).look(entries[1], queued));
  EXPECT_EQ(queued.h.damage, Damage::envelope);
}

TEST(Spool, Spool42_FilesAre0640AndDirectories0750WhateverTheUmask) {
  support::TempDir dir;
  mode_t before = ::umask(0777);
  {
    auto spool = *Spool::create(dir / "spool", "", true);
    put(spool, kOld);
    auto locked = LockedMessage::lock(spool, kOld);
    ASSERT_TRUE(locked);
    locked->log("Received from x", base::Time());
  }
  ::umask(before);
  for (const auto& entry : fs::recursive_directory_iterator(dir / "spool"))
    EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()),
              entry.is_directory() ? 0750U : 0640U)
        << entry.path();
}

TEST(Spool, FilesOfRootGetTheOwnerOfTheirDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool", "", true);
  ASSERT_EQ(::chown((dir / "spool/input").c_str(), 12345, 23456), 0);
  put(spool, kOld);
  for (const auto& entry : fs::recursive_directory_iterator(dir / "spool/input")) {
    struct stat status{};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 12345U) << entry.path();
    EXPECT_EQ(status.st_gid, 23456U) << entry.path();
  }
}

TEST(NewMessage, Spool3_NeverOverwritesAnId) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  put(spool, kOld, "the first\n");
  auto second = NewMessage::create(spool, kOld);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::temporary);
  EXPECT_EQ(*base::read_file(spool.input() / "1xUYvJ-0004Zg-2C-D"),
            "1xUYvJ-0004Zg-2C-D\nthe first\n");
}

TEST(NewMessage, LeavesNothingBehindUnlessKept) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  {
    auto message = NewMessage::create(spool, kOld);
    ASSERT_TRUE(message);
    message->log("Received from x", base::Time());
    ASSERT_TRUE(message->commit(sound(kOld)));
    NewMessage moved = std::move(*message);  // what was moved from cleans up nothing
    EXPECT_EQ(names_in(spool.input()).size(), 2U);
  }
  EXPECT_TRUE(names_in(dir / "spool").empty());
}

TEST(NewMessage, Spool32_IsLockedUntilItIsDone) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  auto message = NewMessage::create(spool, kOld);
  ASSERT_TRUE(message->commit(sound(kOld)));
  auto locked = LockedMessage::lock(spool, kOld);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, base::Code::locked);
  message->keep();
  message = base::fail(base::Code::temporary, "");  // destroyed
  EXPECT_TRUE(LockedMessage::lock(spool, kOld));
}

// A process that holds Exim's lock: POSIX, on the bytes of the first line.
class PosixLocker {
 public:
  explicit PosixLocker(const fs::path& path, off_t length) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    EXPECT_EQ(::pipe(stop_), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      int fd = ::open(path.c_str(), O_RDWR);
      struct flock range{};
      range.l_type = F_WRLCK;
      range.l_len = length;
      char result = ::fcntl(fd, F_SETLK, &range) == 0 ? 'y' : 'n';
      (void)!::write(ready[1], &result, 1);
      ::close(stop_[1]);
      (void)!::read(stop_[0], &result, 1);
      ::_exit(0);
    }
    (void)!::read(ready[0], &result_, 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~PosixLocker() {
    ::close(stop_[1]);
    ::waitpid(pid_, nullptr, 0);
    ::close(stop_[0]);
  }
  bool locked() const { return result_ == 'y'; }

 private:
  int stop_[2] = {-1, -1};
  pid_t pid_ = 0;
  char result_ = 0;
};

TEST(LockedMessage, Spool32_33_ExcludesEximsLockBothWays) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  for (const MessageId& id : {kOld, kLong}) {
    put(spool, id);
    auto d = spool.input() / (id.str() + "-D");
    auto length = static_cast<off_t>(id.first_line_length());
    {
      PosixLocker exim(d, length);
      ASSERT_TRUE(exim.locked());
      auto ours = LockedMessage::lock(spool, id);
      ASSERT_FALSE(ours);
      EXPECT_EQ(ours.error().code, base::Code::locked);
    }
    auto ours = LockedMessage::lock(spool, id);
    ASSERT_TRUE(ours);
    EXPECT_FALSE(PosixLocker(d, length).locked());
    EXPECT_TRUE(base::read_file(d));  // opening and closing elsewhere does not drop it
    EXPECT_FALSE(PosixLocker(d, length).locked());
  }
}

TEST(LockedMessage, AFileFinishedMeanwhileOrNoFileIsNotFound) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  EXPECT_EQ(LockedMessage::lock(spool, kOld).error().code, base::Code::not_found);
  for (const char* target : {"/etc/passwd", "/dev/zero"}) {
    fs::create_symlink(target, spool.input() / "1xUYvJ-0004Zg-2C-D");
    EXPECT_FALSE(LockedMessage::lock(spool, kOld));
    fs::remove(spool.input() / "1xUYvJ-0004Zg-2C-D");
  }
  ASSERT_EQ(::mkfifo((spool.input() / "1xUYvJ-0004Zg-2C-D").c_str(), 0640), 0);
  EXPECT_FALSE(LockedMessage::lock(spool, kOld));  // and does not wait for a writer
}

TEST(LockedMessage, Spool35_36_MergesALeftoverJournalUnderBothSpellings) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  put(spool, kOld);
  std::ofstream(spool.input() / "1xUYvJ-0004Zg-2C-J") << "TWO@ok.example\n";
  auto locked = *LockedMessage::lock(spool, kOld);
  HFile file = *locked.read_h();
  EXPECT_EQ(locked.recover_journal(file), true);
  HFile stored = *locked.read_h();
  EXPECT_TRUE(stored.delivered.contains("TWO@ok.example"));
  EXPECT_TRUE(stored.delivered.contains("TWO@Ok.Example"));
  EXPECT_FALSE(stored.delivered.contains("bob@remote.example"));
  EXPECT_TRUE(fs::exists(locked.path("-J")));  // until the work is over
  ASSERT_TRUE(locked.remove_journal());
  EXPECT_EQ(locked.recover_journal(file), false);
}

TEST(LockedMessage, Spool37_RemovesTheWholeMessageOrKeepsItsLog) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool", "", true);
  for (bool preserve : {false, true}) {
    put(spool, kOld);
    auto locked = *LockedMessage::lock(spool, kOld);
    locked.log("Received from x", base::Time());
    ASSERT_TRUE(locked.remove(preserve));
    EXPECT_TRUE(names_in(spool.input()).empty());
    EXPECT_EQ(fs::exists(dir / "spool/msglog.OLD/1xUYvJ-0004Zg-2C"), preserve);
  }
}

TEST(Queued, Spool36_DoneIsAskedUnderBothSpellings) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  put(spool, kOld);
  std::ofstream(spool.input() / "1xUYvJ-0004Zg-2C-J") << "TWO@ok.example\n";
  Queued queued;
  ASSERT_TRUE(Looker(spool).look(*find_entry(spool, kOld), queued));
  EXPECT_TRUE(queued.delivered("TWO@Ok.Example"));
  EXPECT_FALSE(queued.listed_as_delivered("TWO@Ok.Example"));  // as Exim lists it
  EXPECT_FALSE(queued.delivered("two@ok.example"));  // local parts keep their case
  EXPECT_FALSE(queued.delivered("bob@remote.example"));
}

TEST(Queued, Spool40_SizesAreThoseOfSection10) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  put(spool, kOld);
  put(spool, kLong);
  Looker looker(spool);
  Queued queued;
  for (const MessageId& id : {kOld, kLong}) {
    ASSERT_TRUE(looker.look(*find_entry(spool, id), queued));
    EXPECT_EQ(queued.message_size(), 10 + 5 + 1);
    EXPECT_EQ(queued.body_size(), 5U);
  }
  fs::remove(spool.input() / (kLong.str() + "-D"));
  ASSERT_TRUE(looker.look(*find_entry(spool, kLong), queued));
  EXPECT_FALSE(queued.message_size());
  struct Row {
    std::int64_t size;
    const char* text;
  };
  for (const Row& row : {Row{0, "     "},
                         {333, "  333"},
                         {1023, " 1023"},
                         {1024, " 1.0K"},
                         {10239, "10.0K"},
                         {10240, "  10K"},
                         {1048575, "1024K"},
                         {1048576, " 1.0M"},
                         {10485760, "  10M"},
                         {314572800, " 300M"}})
    EXPECT_EQ(format_listing_size(row.size), row.text) << row.size;
  for (const Row& row : {Row{0, " 0m"},
                         {59, " 0m"},
                         {90 * 60, "90m"},
                         {91 * 60, " 2h"},
                         {72 * 3600, "72h"},
                         {73 * 3600, " 3d"},
                         {1000L * 86400, "1000d"}})
    EXPECT_EQ(format_listing_age(row.size), row.text) << row.size;
}

// As after a restart, on a file system that has a disk.
void forget(const fs::path& path) {
  auto fd = *base::open_file(path, O_RDONLY);
  ASSERT_EQ(::fsync(fd.get()), 0);
  ASSERT_EQ(::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
}

TEST(Queued, ExpectedMessagesAreReadAsOthers) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  // Around a page, around the usual size, far beyond it.
  const std::vector<std::size_t> sizes{1, 4095, 4096, 4097, 16384, 20'000, 1 << 20};
  std::vector<SpoolEntry> entries;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    auto h = spool.input() / ("1xUYv" + std::to_string(i) + "-0004Zg-2C-H");
    std::ofstream(h) << std::string(sizes[i], static_cast<char>('a' + i));
  }
  entries = *spool.sorted(ignore);
  ASSERT_EQ(entries.size(), sizes.size());
  SpoolEntry nowhere = entries[0];
  nowhere.subdirectory = 'z';
  entries.insert(entries.begin() + 2, nowhere);
  fs::create_directory(spool.input() / "1xUYvz-0004Zg-2C-H");
  entries.push_back(spool.sorted(ignore)->back());

  Looker looker(spool);
  Queued queued;
  for (bool forgotten : {true, false}) {
    for (std::size_t i = 0; forgotten && i < sizes.size(); ++i)
      forget(spool.input() / ("1xUYv" + std::to_string(i) + "-0004Zg-2C-H"));
    looker.expect(entries);
    std::size_t i = 0;
    for (const auto& entry : entries) {
      auto looked = looker.look(entry, queued);
      bool is_file = entry.subdirectory == 0 && i < sizes.size();
      ASSERT_EQ(looked.has_value(), is_file);
      if (!is_file) continue;
      EXPECT_EQ(queued.h_text, std::string(sizes[i], static_cast<char>('a' + i)));
      ++i;
    }
  }
  looker.expect({entries.data(), 1});
  ASSERT_TRUE(looker.look(entries[0], queued));
  ASSERT_TRUE(looker.look(entries[1], queued));  // nobody expected it
  EXPECT_EQ(queued.h_text.size(), sizes[1]);
}

TEST(Queued, StrangeThingsInAMessagesPlaceAreErrorsNotHangs) {
  support::TempDir dir;
  auto spool = *Spool::create(dir / "spool");
  auto h = spool.input() / "1xUYvJ-0004Zg-2C-H";
  Queued queued;
  Looker looker(spool);
  fs::create_directory(h);
  EXPECT_FALSE(looker.look(spool.sorted(ignore)->at(0), queued));
  fs::remove(h);
  ASSERT_EQ(::mkfifo(h.c_str(), 0640), 0);
  auto looked = looker.look(spool.sorted(ignore)->at(0), queued);
  ASSERT_FALSE(looked);
  EXPECT_NE(looked.error().text.find(h.string()), std::string::npos);
  fs::remove(h);
  std::ofstream(h) << "";
  ASSERT_EQ(::truncate(h.c_str(), off_t{2} << 30), 0);
  EXPECT_FALSE(looker.look(spool.sorted(ignore)->at(0), queued));
  auto entry = spool.sorted(ignore)->at(0);
  fs::remove(h);
  EXPECT_EQ(looker.look(entry, queued).error().code, base::Code::not_found);
}

}  // namespace
}  // namespace spoolfmt
