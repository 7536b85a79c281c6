// SPDX-License-Identifier: Apache-2.0
//
// freeze, thaw, edit and remove as programs, alone and beside a real Exim.
#include "utils/change.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <regex>

#include "spoolfmt/locked_message.h"
#include "tests/support/cases.h"
#include "tests/utils/real_exim.h"
#include "tests/utils/small_spool.h"

namespace {

namespace fs = std::filesystem;
using spoolfmt::MessageId;
using utils_test::kId;
using utils_test::kOtherId;
using utils_test::message;
using utils_test::RealExim;
using utils_test::SmallSpool;

const std::string kH = "input/" + std::string(kId) + "-H";
const std::string kD = "input/" + std::string(kId) + "-D";
const std::string kOtherH = "input/" + std::string(kOtherId) + "-H";
const std::string kFirst(kId);
const std::string kSecond(kOtherId);

std::string without_times(const std::string& text) {
  return std::regex_replace(text, std::regex("-frozen [0-9]+"), "-frozen N");
}

// A process of its own that holds Exim's kind of lock, POSIX fcntl, until it goes.
class PosixLock {
 public:
  explicit PosixLock(const fs::path& d_file) {
    int ready[2];
    int stop[2];
    if (::pipe(ready) != 0 || ::pipe(stop) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(stop[1]);
      int fd = ::open(d_file.c_str(), O_RDWR);
      struct flock range{};
      range.l_type = F_WRLCK;
      range.l_whence = SEEK_SET;
      range.l_len = 19;
      char c = ::fcntl(fd, F_SETLK, &range) == 0 ? 'y' : 'n';
      ssize_t ignored = ::write(ready[1], &c, 1);
      ignored = ::read(stop[0], &c, 1);  // until the test closes its end
      (void)ignored;
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(stop[0]);
    stop_ = stop[1];
    char c = 'n';
    held_ = ::read(ready[0], &c, 1) == 1 && c == 'y';
    ::close(ready[0]);
  }
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;
  ~PosixLock() {
    ::close(stop_);
    ::waitpid(pid_, nullptr, 0);
  }

  bool held() const { return held_; }

 private:
  pid_t pid_ = -1;
  int stop_ = -1;
  bool held_ = false;
};

TEST(ChangingTools, PrintALineAMessageAndLogAsExim) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put_message(message(kOtherId));
  auto run = spool.run("freeze", {kFirst, kSecond});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out, kFirst + " frozen\n" + kSecond + " frozen\n");
  EXPECT_TRUE(std::regex_search(
      spool.read("log/mainlog"),
      std::regex("^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d " + kFirst +
                 " frozen by [^\n]+\n[^\n]+ " + kSecond + " frozen by [^\n]+\n$")));
  EXPECT_FALSE(spool.has("msglog/" + kFirst)) << "Exim writes none here";

  auto again = spool.run("freeze", {kFirst});
  EXPECT_EQ(again.status, 0);
  EXPECT_EQ(again.out, kFirst + " unchanged: it is so already\n");
  EXPECT_EQ(spool.run("thaw", {"--quiet", "--all"}).out, "");
  EXPECT_FALSE(spool.read(kH).contains("-frozen"));
  EXPECT_TRUE(spool.read(kOtherH).contains("-manual_thaw\n"));
}

TEST(ChangingTools, WantToBeToldWhichMessages) {
  SmallSpool spool;
  spool.put_message(message());
  std::string before = spool.read(kH);
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {}, {"--all", kFirst}, {"no-such-id"}, {"--older", "x", kFirst}}) {
    auto run = spool.run("freeze", args);
    EXPECT_EQ(run.status, 64) << run.err;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }
  EXPECT_EQ(spool.run("edit", {kFirst}).status, 64);
  EXPECT_EQ(spool.run("edit", {"--add-header", "no colon", kFirst}).status, 64);
  EXPECT_EQ(spool.run("edit", {"--sender", "a@b.c\n-x", kFirst}).status, 64);
  EXPECT_EQ(spool.read(kH), before);
}

TEST(ChangingTools, GoOnAfterAFailureAndNameIt) {
  SmallSpool spool;
  spool.put_message(message());
  auto run = spool.run("freeze", {kSecond, kFirst});
  EXPECT_EQ(run.status, 1);
  EXPECT_TRUE(run.err.contains(kSecond)) << run.err;
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  EXPECT_TRUE(spool.read(kH).contains("-frozen"));
}

// The status is the one of the manual, and one line tells of it, whatever is shown.
TEST(Output, Full_EndsEveryToolOnceWithStatus74) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put_message(message(kOtherId));
  for (std::string tool :
       {"list", "list --json", "dump", "dump --json", "dump --raw D", "explain",
        "explain --json", "summary", "check", "freeze --all"}) {
    SCOPED_TRACE(tool);
    auto got =
        support::run({"/bin/sh",
                      {"-c", support::program("bobbin").string() + " " + tool +
                                 " --spool " + spool.path().string() + " >/dev/full"}});
    EXPECT_EQ(got.status, 74) << got.err;
    EXPECT_EQ(std::count(got.err.begin(), got.err.end(), '\n'), 1) << got.err;
  }
  // What was to be changed is changed, listened to or not.
  for (const std::string& h : {kH, kOtherH})
    EXPECT_NE(spool.read(h).find("\n-frozen "), std::string::npos) << h;
}

TEST(ChangingTools, GiveASingleMessagesOwnStatus) {
  SmallSpool spool;
  spool.put_message(message());
  EXPECT_EQ(spool.run("freeze", {kSecond}).status, 66);
  EXPECT_EQ(spool.run("remove", {kSecond}).status, 66);
  EXPECT_EQ(spool.run("edit", {"-d", "nobody@x.example", kFirst}).status, 69);
  spool.put(kH, "rubbish\n");
  EXPECT_EQ(spool.run("thaw", {kFirst}).status, 65);
  SmallSpool none;
  fs::remove_all(none / "input");
  EXPECT_EQ(none.run("freeze", {kFirst}).status, 66);
}

TEST(ChangingTools, ChangeNothingInADryRun) {
  SmallSpool spool;
  spool.put_message(message());
  std::string before = spool.read(kH);
  auto run = spool.run("freeze", {"--dry-run", "--all"});
  EXPECT_EQ(run.out, kFirst + " would be: frozen\n");
  EXPECT_EQ(spool.run("remove", {"-n", kFirst}).out, kFirst + " would be: removed\n");
  EXPECT_EQ(spool.read(kH), before);
  EXPECT_FALSE(spool.has("log"));
}

TEST(ChangingTools, FailBeforeTheFirstChangeIfTheLogCannotBeOpened) {
  SmallSpool spool;
  spool.put_message(message());
  std::string before = spool.read(kH);
  spool.put("log", "a file in the directory's place");
  auto run = spool.run("freeze", {kFirst});
  EXPECT_NE(run.status, 0);
  EXPECT_TRUE(run.err.contains("mainlog")) << run.err;
  EXPECT_EQ(spool.read(kH), before);
}

TEST(ChangingTools, KeepAJournal) {
  SmallSpool spool;
  spool.put_message(message());
  std::string journal = "input/" + kFirst + "-J";
  spool.put(journal, "carol@two.example\n");
  EXPECT_EQ(spool.run("freeze", {kFirst}).status, 0);
  EXPECT_EQ(spool.read(journal), "carol@two.example\n");
  EXPECT_TRUE(spool.read(kH).contains("\nXX\n"));
}

TEST(ChangingTools, TellOfMessagesThatCannotBeLocked) {
  SmallSpool spool;
  spool.put_message(message());
  fs::remove(spool / kD);
  spool.put_message(message(kOtherId), "input/z");
  auto run = spool.run("freeze", {"--all"});
  EXPECT_EQ(run.status, 1);
  EXPECT_TRUE(run.err.contains(kFirst + ": its -D is missing")) << run.err;
  EXPECT_TRUE(run.err.contains(kSecond + ": lies in ")) << run.err;
}

TEST(Edit, MakesAllEditsOfAMessageOrNone) {
  SmallSpool spool;
  spool.put_message(message());
  std::string before = spool.read(kH);
  std::vector<std::string> edits = {
      "--sender",        "<>",       "--add-recipient", "dave@three.example",
      "--remove-header", "subject",  "--add-header",    "Subject: new\n folded",
      "--set-var",       "acl_m_x=1"};
  auto failing = edits;
  failing.insert(failing.end(), {"--mark-delivered", "nobody@x.example", "--all"});
  EXPECT_EQ(spool.run("edit", failing).status, 1);
  EXPECT_EQ(spool.read(kH), before);

  edits.insert(edits.end(), {"--mark-delivered", "BOB@One.example"});
  edits.back() = "bob@one.example";
  edits.push_back(kFirst);
  auto run = spool.run("edit", edits);
  EXPECT_EQ(run.status, 0) << run.err;
  auto file = spoolfmt::parse_h_file(spool.read(kH), kFirst + "-H");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->sender, "");
  EXPECT_EQ(file->recipients.back().address, "dave@three.example");
  EXPECT_TRUE(file->delivered.contains("bob@One.example"));
  EXPECT_EQ(file->headers[1].type, '*');
  EXPECT_EQ(file->headers.back().text, "Subject: new\n folded\n");
  EXPECT_EQ(file->find("aclm _x")->value, "1");
  EXPECT_EQ(std::ranges::count(spool.read("log/mainlog"), '\n'), 6);
}

TEST(Edit, NoSenderIsWrittenOutInFull) {
  SmallSpool spool;
  spool.put_message(message());
  auto got = spool.run("edit", {"--sender", "", kFirst});
  EXPECT_EQ(got.status, 64);
  EXPECT_NE(got.err.find("<> for none"), std::string::npos) << got.err;
  EXPECT_EQ(spool.read(kH), format_h_file(message()));
  EXPECT_EQ(spool.run("edit", {"--sender", "<>", kFirst}).status, 0);
}

TEST(Remove, TakesEveryFileOfAMessage) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put("input/" + kFirst + "-J", "x\n");
  spool.put("msglog/" + kFirst, "Received\n");
  auto run = spool.run("remove", {kFirst});
  EXPECT_EQ(run.out, kFirst + " removed\n") << run.err;
  EXPECT_TRUE(fs::is_empty(spool / "input"));
  EXPECT_TRUE(fs::is_empty(spool / "msglog"));
  std::string log = spool.read("log/mainlog");
  EXPECT_TRUE(log.contains(kFirst + " removed by ")) << log;
  EXPECT_TRUE(log.ends_with(kFirst + " Completed\n")) << log;
}

TEST(Remove, TakesWhatIsDamagedOrLeftOver) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put(kH, "rubbish");
  spool.put(kOtherH, format_h_file(message(kOtherId)));  // no -D
  auto run = spool.run("remove", {"--all"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(fs::is_empty(spool / "input"));

  // -H in input/, -D in the subdirectory.
  spool.put(kH, format_h_file(message()));
  spool.put("input/J/" + kFirst + "-D", kFirst + "-D\n");
  EXPECT_EQ(spool.run("remove", {kFirst}).status, 0);
  EXPECT_FALSE(spool.has(kH));
  EXPECT_TRUE(fs::is_empty(spool / "input/J"));
}

TEST(Lock, Checklist32_AMessageOfAnotherProcessIsLeftAlone) {
  SmallSpool spool;
  spool.put_message(message());
  spool.put_message(message(kOtherId));
  std::string before = spool.read(kH);
  PosixLock lock(spool / kD);
  ASSERT_TRUE(lock.held());
  for (const char* tool : {"freeze", "remove"}) {
    auto run = spool.run(tool, {kFirst});
    EXPECT_EQ(run.status, 75) << tool;
    EXPECT_TRUE(run.err.contains("locked")) << run.err;
  }
  EXPECT_EQ(spool.run("freeze", {"--all"}).status, 1);
  EXPECT_EQ(spool.read(kH), before);
  EXPECT_TRUE(spool.read(kOtherH).contains("-frozen"));
}

TEST(Lock, Checklist33_EximLeavesOursAlone) {
  REQUIRE_EXIM();
  SmallSpool spool;
  spool.put_message(message());
  RealExim exim(spool.path());
  std::string before = spool.read(kH);
  {
    auto opened = spoolfmt::Spool::open(spool.path());
    auto held = spoolfmt::LockedMessage::lock(*opened, *MessageId::parse(kId));
    ASSERT_TRUE(held) << held.error().text;
    auto run = exim.run({"-Mf", kFirst});
    EXPECT_TRUE(run.out.contains("is locked")) << run.out << run.err;
    EXPECT_EQ(spool.read(kH), before);
  }
  EXPECT_EQ(exim.run({"-Mf", kFirst}).out, "Message " + kFirst + " is now frozen\n");
}

TEST(Lock, FilesStayEximsAfterAChangeByRoot) {
  REQUIRE_EXIM();
  SmallSpool spool;
  spool.put_message(message());
  RealExim exim(spool.path());
  ASSERT_EQ(spool.run("freeze", {kFirst}).status, 0);
  for (const std::string& name : {kH, std::string("log"), std::string("log/mainlog")}) {
    struct stat status{};
    ASSERT_EQ(::stat((spool / name).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, ::getpwnam(utils_test::kEximUser)->pw_uid) << name;
  }
  EXPECT_EQ(exim.run({"-Mt", kFirst}).out,
            "Message " + kFirst + " is no longer frozen\n");
}

// What Exim's own action and ours make of the same message, byte for byte.
TEST(BesideExim, WritesWhatEximWrites) {
  REQUIRE_EXIM();
  struct Row {
    std::vector<std::string> theirs;  // before and behind the id
    std::vector<std::string> behind;
    std::string tool;
    std::vector<std::string> ours;
  };
  const std::string dave = "dave@Three.example";
  const std::string bob = "bob@One.example";
  const Row rows[] = {
      {{"-Mf"}, {}, "freeze", {}},
      {{"-Mt"}, {}, "thaw", {}},
      {{"-Mes"}, {"new@sender.example"}, "edit", {"--sender", "new@sender.example"}},
      {{"-Mar"}, {dave}, "edit", {"--add-recipient", dave}},
      {{"-Mmd"}, {bob}, "edit", {"--mark-delivered", bob}},
      {{"-Mmad"}, {}, "edit", {"--mark-all-delivered"}},
      {{"-Mes"}, {"<>"}, "edit", {"--sender", "<>"}},
  };
  SmallSpool mine;
  SmallSpool theirs;
  auto file = message();
  // What Exim always writes, so that it finds nothing to add.
  file.set_value("received_time_complete", "1795221689.273085");
  file.set_value("tls_resumption", "A");
  mine.put_message(file);
  theirs.put_message(file);
  RealExim exim(theirs.path());
  for (const Row& row : rows) {
    auto args = row.theirs;
    args.push_back(kFirst);
    args.insert(args.end(), row.behind.begin(), row.behind.end());
    auto did = exim.run(args);
    ASSERT_EQ(did.status, 0) << did.out << did.err;
    auto ours = row.ours;
    ours.push_back(kFirst);
    auto run = mine.run(row.tool, ours);
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(without_times(mine.read(kH)), without_times(theirs.read(kH)))
        << row.theirs[0];
  }
  auto words = [](const std::string& log) {  // without times
    std::string out;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);)
      if (line.contains(kFirst)) out += line.substr(20) + "\n";
    return out;
  };
  // Exim names an address once more though it is marked already; we do not.
  std::string expected = words(exim.log());
  std::string twice = kFirst + " address <" + bob + "> marked delivered by root\n";
  if (auto again = expected.rfind(twice); again != expected.find(twice))
    expected.erase(again, twice.size());
  EXPECT_EQ(words(mine.read("log/mainlog")), expected);
}

// All messages of all fixtures, ids of 23 characters under a ShortName: after each of
// our changes Exim's own reading and writing changes no byte.  Those in which it
// changes something already before (options of another release, escaped names, the
// order of ACL variables) are counted and start in its form; one it never leaves alone,
// or whose sender its command line does not take, is judged by being read.
TEST(BesideEximData, Checklist21_EveryChangeSurvivesEximsRewriting) {
  REQUIRE_EXIM();
  auto sets = support::find_case_sets("fixtures", "spool-exim-");
  if (sets.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  for (const auto& set : sets) {
    support::CaseCount count(set.filename());
    SmallSpool spool;
    std::vector<std::string> ids;
    for (const auto& item : fs::recursive_directory_iterator(set)) {
      std::string name = item.path().filename();
      auto id = name.ends_with("-H") ? MessageId::parse(name.substr(0, name.size() - 2))
                                     : std::nullopt;
      if (!id || spool.has("input/" + name)) continue;
      fs::path d = item.path().parent_path() / (id->str() + "-D");
      if (!fs::exists(d)) continue;
      fs::copy_file(item.path(), spool / ("input/" + name));
      fs::copy_file(d, spool / ("input/" + id->str() + "-D"));
      ids.push_back(id->str());
    }
    if (ids.empty()) continue;
    RealExim exim(spool.path());
    auto h_of = [&](const std::string& id) { return spool.read("input/" + id + "-H"); };
    auto sender_of = [&](const std::string& id) {
      auto file = spoolfmt::parse_h_file(h_of(id), id + "-H");
      return file ? file->sender : std::string("(unreadable)");
    };

    // True if Exim reads it, having written it anew if it can: its command line takes
    // no sender in UTF-8.
    auto is_read = [&](const std::string& name) {
      std::string sender = sender_of(name);
      utils_test::ShortName short_name(spool / "input", name);
      const std::string& id = short_name.id();
      bool ascii = std::ranges::all_of(sender, [](char c) { return c > 0; });
      if (ascii) return exim.rewrite(id, sender).contains("has been modified");
      std::string listed = exim.run({"-bp", id}).out;
      return listed.contains(id) && !listed.contains("format error");
    };

    std::map<std::string, bool> stable;
    for (const std::string& id : ids) {
      std::string before = h_of(id);
      EXPECT_TRUE(is_read(id)) << id;
      // From here on the file is in this Exim's own form.
      is_read(id);
      std::string once = h_of(id);
      is_read(id);
      stable[id] = h_of(id) == once;
      count.ran(h_of(id) == before ? "untouched by Exim"
                : stable[id]       ? "brought into Exim's form"
                                   : "never the same");
    }
    const std::vector<std::pair<std::string, std::vector<std::string>>> changes = {
        {"freeze", {"--all"}},
        {"thaw", {"--all"}},
        {"edit",
         {"--all", "--sender", "x@y.example", "--add-recipient", "\"a b\"@Z.example",
          "--add-header", "X-A: b\n\tc", "--remove-header", "Subject",
          "--mark-all-delivered"}}};
    for (const auto& [tool, args] : changes) {
      auto run = spool.run(tool, args);
      EXPECT_EQ(run.status, 0) << run.err;
      for (const std::string& id : ids) {
        std::string ours = h_of(id);
        EXPECT_TRUE(is_read(id)) << tool << " " << id;
        if (stable[id]) {
          EXPECT_EQ(h_of(id), ours) << tool << " " << id;
        }
      }
    }
  }
}

}  // namespace
