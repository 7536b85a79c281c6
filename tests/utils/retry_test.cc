// SPDX-License-Identifier: Apache-2.0
//
// bobbin-retry over a store, and its dumps beside those of this machine's Exim.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "hints/retry_key.h"
#include "hints/store.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/utils/real_exim.h"
#include "utils/retry_dump.h"

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using utils::format_retry_dump;
using utils::parse_retry_dump;
namespace fs = std::filesystem;

const base::Time kFirst = base::Time(1'700'000'000s);

hints::RetryRecord record(std::int32_t error, std::string text) {
  hints::RetryRecord made;
  made.failure.error = error;
  made.failure.text = std::move(text);
  made.first = kFirst;
  made.last = kFirst + 15min;
  made.next = kFirst + 30min;
  made.attempts = 1;
  return made;
}

class RetryTool : public testing::Test {
 protected:
  RetryTool() { fs::create_directory(spool / "input"); }

  support::Outcome run(std::vector<std::string> args, std::string input = {}) {
    args.insert(args.end(), {"-s", spool.path().string()});
    return support::run({support::program("bobbin-retry"), args, {"TZ=UTC"}, input});
  }
  void fill() {
    auto store = hints::Store::open(spool.path());
    auto refused = record(111, "Connection refused");
    refused.failure.route = 'M';
    refused.expired = true;
    store.remember("T:mx.example:192.0.2.1", refused);
    auto greylisted = record(hints::kRcptReply, "450 4.7.1 later");
    greylisted.failure.code = 450;
    greylisted.failure.route = 'A';
    greylisted.failure.enhanced = {4, 7, 1};
    greylisted.attempts = 3;
    greylisted.next =
        base::Time(std::chrono::sys_days(std::chrono::year(2100) / 1 / 1));
    store.remember("R:jo@other.example:<s@x.test>", greylisted);
    store.remember("R:third.example", record(hints::kLookupDeferred, ""));
  }

  support::TempDir spool;
};

std::vector<std::string> sorted_records(const std::string& dump) {
  std::vector<std::string> records;
  std::istringstream in(dump);
  for (std::string first, second; std::getline(in, first) && std::getline(in, second);)
    records.push_back(first + "\n" + second);
  std::ranges::sort(records);
  return records;
}

}  // namespace

TEST(RetryDump, ReadsWhatItWrote) {
  auto one = record(111, "Connection refused");
  one.failure.route = 'M';
  auto two = record(hints::kRcptReply, "");
  two.failure.code = 451;
  two.expired = true;
  auto three = record(-1, "with 12 34 numbers: \"\"");
  auto read = parse_retry_dump(format_retry_dump("T:mx:[2001:db8::1]:26", one) +
                               format_retry_dump("R:a@b:<>", two) +
                               format_retry_dump("T:|/bin/x 1:a@b", three));
  ASSERT_TRUE(read) << read.error().text;
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ(read->at(0).key, "T:mx:[2001:db8::1]:26");
  EXPECT_EQ(read->at(0).record, one);
  EXPECT_EQ(read->at(1).key, "R:a@b:<>");
  EXPECT_EQ(read->at(1).record, two);
  EXPECT_EQ(read->at(2).key, "T:|/bin/x 1:a@b");
  EXPECT_EQ(read->at(2).record, three);
}

TEST(RetryDump, OlderKeysGetTheirBrackets) {
  struct Row {
    std::string_view old, ours;
  };
  for (auto [old, ours] : {
           Row{"T:mx.example:192.0.2.1:26", "T:mx.example:192.0.2.1:26"},
           Row{"T:mx.example:2001:db8::1", "T:mx.example:[2001:db8::1]"},
           Row{"T:mx.example:2001:db8::1:1xUrx0-0004wQ-2O",
               "T:mx.example:[2001:db8::1]:1xUrx0-0004wQ-2O"},
           Row{"T:192.0.2.1:192.0.2.1", "T:[192.0.2.1]:192.0.2.1"},
           Row{"T:mx.example:[2001:db8::1]", "T:mx.example:[2001:db8::1]"},
           Row{"T:mx.example", "T:mx.example"},
           Row{"T:mx.example:26:1xUrx0-0004wQ-2O", "T:mx.example:26:1xUrx0-0004wQ-2O"},
           Row{"T:192.0.2.1", "T:[192.0.2.1]"},
           Row{"T:192.0.2.1:26:1xUrx0-0004wQ-2O", "T:[192.0.2.1]:26:1xUrx0-0004wQ-2O"},
           Row{"T:jo@example.org", "T:jo@example.org"},
           Row{"T:example.org", "T:example.org"},
           Row{"R:example.org", "R:example.org"},
       }) {
    auto read = parse_retry_dump(format_retry_dump(old, record(111, "x")));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->at(0).key, ours);
  }
}

TEST(RetryDump, BadLinesAreNamed) {
  auto good = format_retry_dump("R:a", record(1, "x"));
  struct Row {
    std::string text;
    std::string_view words;
  };
  for (const auto& [text, words] : {
           Row{good + "  R:a\n", "line 3: no key"},
           Row{good + "  R:a 1\n", "line 3: no key"},
           Row{good + "  R:a 1 x y\n", "line 3: no key"},
           Row{good + "  R:a 99999999999 1 y\n", "line 3: no key"},
           Row{good + "  R:a 1 1 y\n", "line 4: no three times"},
           Row{good + "  R:a 1 1 y\n21-Nov-2026 20:44:47  21-Nov-2026 20:44:47\n",
               "line 4: no three times"},
           Row{good + "  R:a 1 1 y\n21-Nox-2026 20:44:47  x y\n",
               "line 4: no three times"},
       }) {
    auto read = parse_retry_dump(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, base::Code::syntax);
    EXPECT_THAT(read.error().text, HasSubstr(words));
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    static_cast<void>(parse_retry_dump(good.substr(0, size)));
}

TEST_F(RetryTool, ShowsNothingOfASpoolThatNeverRan) {
  auto done = run({});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("FAILING"));
  EXPECT_FALSE(fs::exists(spool / "db")) << "who looks makes nothing";
}

TEST_F(RetryTool, ShowsWhatIsRememberedAsATable) {
  fill();
  auto done = run({});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out,
              HasSubstr("due*     1 T:mx.example:192.0.2.1 (111) Connection"));
  EXPECT_THAT(done.out, HasSubstr("3 R:jo@other.example:<s@x.test> (-44) 450 4.7.1"));
  EXPECT_THAT(done.out, HasSubstr("R:third.example (-36)"));
}

TEST_F(RetryTool, ShowsOnlyWhatIsMentioned) {
  fill();
  EXPECT_THAT(run({"OTHER.example", "192.0.2.1"}).out,
              testing::AllOf(HasSubstr("jo@other.example"), HasSubstr("mx.example"),
                             Not(HasSubstr("third"))));
}

TEST_F(RetryTool, JsonTellsAll) {
  fill();
  auto done = run({"--json", "jo@other.example"});
  EXPECT_EQ(done.out,
            "{\"key\":\"R:jo@other.example:<s@x.test>\","
            "\"first\":\"2023-11-14T22:13:20.000000Z\","
            "\"last\":\"2023-11-14T22:28:20.000000Z\","
            "\"next\":\"2100-01-01T00:00:00.000000Z\",\"expired\":false,"
            "\"attempts\":3,\"error\":-44,\"more_errno\":12865,\"route\":\"A\","
            "\"code\":450,\"enhanced\":\"4.7.1\",\"text\":\"450 4.7.1 later\"}\n");
  EXPECT_THAT(
      run({"--json", "third.example"}).out,
      HasSubstr("\"route\":null,\"code\":null,\"enhanced\":null,\"text\":\"\""));
}

TEST_F(RetryTool, ForgetsWhatItIsTold) {
  fill();
  auto done = run({"--delete", "mx.example", "-v"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("forgotten: T:mx.example:192.0.2.1"));
  EXPECT_THAT(run({}).out, Not(HasSubstr("mx.example")));
  EXPECT_EQ(run({"--delete", "mx.example"}).status, 0) << "a second time";
  EXPECT_EQ(run({"--delete", "--all"}).status, 0);
  EXPECT_EQ(run({"--json"}).out, "");
}

TEST_F(RetryTool, WhatCannotBeMeantIsAUsageError) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"--delete"},
                                             {"--delete", "--all", "x"},
                                             {"--all"},
                                             {"--json", "--export"},
                                             {"--import", "x"}})
    EXPECT_EQ(run(args).status, 64) << args[0];
}

TEST_F(RetryTool, WhatIsExportedCanBeImported) {
  fill();
  auto dump = run({"--export"}).out;
  EXPECT_THAT(dump, HasSubstr("  T:mx.example:192.0.2.1 111 77 Connection refused\n"
                              "14-Nov-2023 22:13:20  14-Nov-2023 22:28:20  "
                              "14-Nov-2023 22:43:20 *\n"));
  EXPECT_EQ(run({"--delete", "--all"}).status, 0);
  auto done = run({"--import"}, dump);
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(run({"--export"}).out, dump);
  // What is ours and newer stays.
  {
    hints::Store::open(spool.path()).remember("R:third.example", record(5, "mine"));
  }
  std::string older = dump;
  EXPECT_EQ(run({"--import"}, older).status, 0);
  EXPECT_THAT(run({"--export", "third.example"}).out, HasSubstr("mine"));
  EXPECT_EQ(run({"--import"}, "rubbish\n").status, 65);
}

TEST_F(RetryTool, WhatCannotBeWrittenIsAnError) {
  std::ofstream(spool / "db") << "in the way";
  auto done = run({"--import"}, format_retry_dump("R:a", record(1, "x")));
  EXPECT_NE(done.status, 0);
  EXPECT_THAT(done.err, HasSubstr("db"));
}

TEST_F(RetryTool, TakesWhatThisMachinesEximRemembers) {
  REQUIRE_EXIM();
  REQUIRE_PROGRAM("exim_dumpdb");
  support::TempDir theirs;
  fs::permissions(theirs.path(), fs::perms(0755));
  utils_test::RealExim::give(theirs.path());
  support::TempDir conf;
  fs::permissions(conf.path(), fs::perms(0755));
  std::ofstream(conf / "conf")
      << "spool_directory = " << theirs.path().string()
      << "\nlog_file_path = " << theirs.path().string()
      << "/%slog\nexim_user = " << utils_test::kEximUser
      << "\nnever_users =\nkeep_environment =\n"
      << "begin routers\nbad:\n  driver = redirect\n  domains = later.example\n"
      << "  allow_defer\n  data = :defer: come again\nall:\n  driver = manualroute\n"
      << "  route_data = localhost\n  self = send\n  transport = t\n"
      << "begin transports\nt:\n  driver = smtp\n  port = 1\n"
      << "begin retry\nlater.example *\n* * F,1d,15m\n";
  auto exim = [&](std::vector<std::string> args, std::string input = {}) {
    args.insert(args.begin(), {"-C", (conf / "conf").string()});
    return support::run({"/usr/sbin/exim4", args, {"TZ=UTC"}, std::move(input)});
  };
  for (const char* to : {"u@later.example", "u@refused.example"})
    exim({"-odq", "-f", "s@x.example", to}, "Subject: x\n\nbody\n");
  exim({"-q"});
  auto dump = support::run(
      {"/usr/sbin/exim_dumpdb", {theirs.path().string(), "retry"}, {"TZ=UTC"}});
  ASSERT_THAT(dump.out, HasSubstr("Connection refused"));
  ASSERT_THAT(dump.out, HasSubstr("later.example"));
  auto done = run({"--import"}, dump.out);
  EXPECT_EQ(done.status, 0) << done.err;
  // Names here are no addresses, and addresses no IPv6: the keys are the same too.
  EXPECT_EQ(sorted_records(run({"--export"}).out), sorted_records(dump.out));
}
