// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic of retry rules against Debian's Exim: hosts that refuse connections,
// with records whose times are moved, are tried in one queue run, and what Exim then
// writes down is what we would have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "policy/policy.h"
#include "policy/programs.h"
#include "policy/scripted_context.h"
#include "qrunner/retry_error.h"
#include "qrunner/retry_schedule.h"
#include "tests/support/peers.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace std::chrono_literals;
using hints::RetryRecord;
using qrunner::OldRecord;
using qrunner::RetryItem;
using qrunner::Standing;
using std::chrono::minutes;
using std::chrono::seconds;
namespace fs = std::filesystem;

constexpr const char* kUser = "Debian-exim";

// What one host of the test is about.  Times are before now, as Exim's tool can set
// them: whole minutes.
struct Row {
  const char* what;
  const char* rule_text;
  std::vector<policy::RetryParameter> rule;
  minutes first{}, last{}, next{};
  bool expired = false;
  minutes age{};  // of the message
};

base::Time parse_dump_time(const std::string& text) {
  std::tm parts{};
  ::strptime(text.c_str(), "%d-%b-%Y %H:%M:%S", &parts);
  return base::Time(seconds(::timegm(&parts)));
}

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Exim {
 public:
  explicit Exim(const std::vector<Row>& rows) {
    fs::permissions(dir_.path(), fs::perms(0755));
    for (const char* part : {"spool", "log"}) {
      fs::create_directory(dir_ / part);
      own(dir_ / part);
    }
    std::ofstream conf(dir_ / "conf");
    conf << "primary_hostname = judge.invalid\nspool_directory = "
         << (dir_ / "spool").string() << "\nlog_file_path = " << (dir_ / "log").string()
         << "/%slog\nqueue_only = true\nexim_user = " << kUser
         << "\nnever_users =\nkeep_environment =\ntimezone = UTC\n"
         << "begin routers\nhosts:\n  driver = manualroute\n  route_data = "
            "127.0.0.${sg{$domain}{\\N[^0-9]\\N}{}}\n  self = send\n"
            "  transport = smtp\nbegin transports\nsmtp:\n  driver = smtp\n"
            "  port = 1\n  hosts_try_chunking =\nbegin retry\n";
    for (std::size_t i = 0; i < rows.size(); ++i)
      conf << address(i) << " * " << rows[i].rule_text << "\n";
    conf.close();
    fs::permissions(dir_ / "conf", fs::perms(0644));
  }

  static std::string address(std::size_t i) {
    return "127.0.0." + std::to_string(i + 2);
  }

  void run(std::vector<std::string> args, std::string input = {}) const {
    args.insert(args.begin(), {"-C", (dir_ / "conf").string()});
    support::run({"/usr/sbin/exim4", args, {"TZ=UTC"}, std::move(input)});
  }

  // The message for that host came so long ago.
  void age_message(std::size_t i, minutes age) const {
    for (const auto& item : fs::directory_iterator(dir_ / "spool/input")) {
      std::string text = slurp(item.path());
      std::string name = item.path().filename();
      if (!name.ends_with("-H") ||
          text.find("u@h" + std::to_string(i + 2) + ".example") == text.npos)
        continue;
      auto sender_end = text.find('\n', text.find("\n<") + 1);
      auto time_end = text.find('\n', sender_end + 1);
      auto when = ::time(nullptr) - seconds(age).count();
      std::ofstream(item.path())
          << text.substr(0, sender_end + 1) << when << " 0" << text.substr(time_end);
      return;
    }
    ADD_FAILURE() << "no message for host " << i;
  }

  void set_record(std::size_t i, const Row& row) const {
    std::string orders = "T:" + address(i) + ":" + address(i) + ":1\n";
    int field = 2;
    for (minutes before : {row.first, row.last, row.next}) {
      std::time_t when = ::time(nullptr) - seconds(before).count();
      char text[32];
      std::strftime(text, sizeof text, "%y%m%d%H%M", std::gmtime(&when));
      orders += std::to_string(field++) + " " + text + "\n";
    }
    orders += std::string("5 ") + (row.expired ? "yes" : "no") + "\n";
    auto done = support::run({"/usr/sbin/exim_fixdb",
                              {(dir_ / "spool").string(), "retry"},
                              {"TZ=UTC"},
                              orders});
    EXPECT_EQ(done.out.find("not found"), std::string::npos) << done.out;
    EXPECT_EQ(done.out.find("bad"), std::string::npos) << done.out;
    own(dir_ / "spool/db");
  }

  // Host number to record; read from exim_dumpdb's two lines a record.
  std::map<std::size_t, RetryRecord> records() const {
    auto dump = support::run(
        {"/usr/sbin/exim_dumpdb", {(dir_ / "spool").string(), "retry"}, {"TZ=UTC"}});
    std::map<std::size_t, RetryRecord> found;
    std::istringstream lines(dump.out);
    for (std::string key, times;
         std::getline(lines, key) && std::getline(lines, times);) {
      RetryRecord record;
      record.first = parse_dump_time(times.substr(0, 20));
      record.last = parse_dump_time(times.substr(22, 20));
      record.next = parse_dump_time(times.substr(44, 20));
      record.expired = times.ends_with('*');
      auto number = std::stoul(key.substr(key.find("127.0.0.") + 8));
      found[number - 2] = record;
    }
    return found;
  }

  std::string log() const { return slurp(dir_ / "log/mainlog"); }

 private:
  static void own(const fs::path& path) {
    const passwd* user = ::getpwnam(kUser);
    EXPECT_EQ(::chown(path.c_str(), user->pw_uid, user->pw_gid), 0);
    for (const auto& item : fs::recursive_directory_iterator(path))
      EXPECT_EQ(::chown(item.path().c_str(), user->pw_uid, user->pw_gid), 0);
  }

  support::TempDir dir_;
};

std::vector<Row> all_rows() {
  const char* text = "F,2h,15m; G,16h,1h,1.5; F,4d,6h";
  const std::vector<policy::RetryParameter> rule = {
      {'F', 2h, 15min, 1}, {'G', 16h, 1h, 1.5}, {'F', 96h, 6h, 1}};
  return {
      {"F goes on", text, rule, 1h, 15min, 0min, false, 2h},
      {"from F to G", text, rule, 3h, 15min, 0min, false, 3h},
      {"G grows", text, rule, 5h, 90min, 0min, false, 5h},
      {"G grows from its own wait, not from the delay", text, rule, 8h, 200min, 97min,
       false, 8h},
      {"the last group", text, rule, 20h, 7h, 5min, false, 20h},
      {"beyond the last cut-off", text, rule, 120h, 7h, 5min, false, 120h},
      {"expired stays so", text, rule, 120h, 7h, 5min, true, 120h},
      {"an old message at a host that failed before it", text, rule, 3h, 15min, 0min,
       false, 100min},
      {"a young record and a message past all cut-offs", text, rule, 1h, 15min, 0min,
       false, 100h},
      {"an hour of tries",
       "F,1h,7m",
       {{'F', 1h, 7min, 1}},
       50min,
       7min,
       0min,
       false,
       50min},
      {"odd factors",
       "G,2d,11m,1.337",
       {{'G', 48h, 11min, 1.337}},
       10h,
       43min,
       2min,
       false,
       10h},
      {"H", "H,2d,10m,2", {{'H', 48h, 10min, 2}}, 10h, 40min, 0min, false, 10h},
      {"no more than a day",
       "G,30d,1h,10",
       {{'G', 720h, 1h, 10}},
       80h,
       20h,
       1min,
       false,
       80h},
      {"not due: waits", text, rule, 3h, 15min, -40min, false, 3h},
      {"not due and expired", text, rule, 120h, 3h, -40min, true, 1h},
      {"not due, but the message is past all cut-offs", text, rule, 3h, 15min, -40min,
       false, 100h},
      {"expired, and the message is past all cut-offs", text, rule, 120h, 3h, -40min,
       true, 100h},
      {"a wait cut short", text, rule, 5h, 30min, -60min, false, 100h},
  };
}

}  // namespace

TEST(RetryExim, Q51_Q57_WeReckonAsEximDoes) {
  REQUIRE_PROGRAM("exim4");
  REQUIRE_PROGRAM("exim_fixdb");
  if (::geteuid() != 0 || !::getpwnam(kUser)) GTEST_SKIP() << "exim -C takes root";
  const std::vector<Row> rows = all_rows();
  Exim exim(rows);
  for (std::size_t i = 0; i < rows.size(); ++i)
    exim.run({"-odq", "-f", "s@x.example", "u@h" + std::to_string(i + 2) + ".example"},
             "Subject: x\n\nbody\n");
  exim.run({"-q"});
  ASSERT_EQ(exim.records().size(), rows.size()) << exim.log();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    exim.set_record(i, rows[i]);
    exim.age_message(i, rows[i].age);
  }
  const auto before = exim.records();
  exim.run({"-q"});
  const auto after = exim.records();

  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    SCOPED_TRACE(row.what);
    const RetryRecord& old = before.at(i);
    const RetryRecord& now = after.at(i);
    policy::RetryRule rule;
    rule.parameters = row.rule;
    const base::Time tried = now.last;
    bool was_tried = now.last != old.last;
    base::Time moment = was_tried ? tried : base::Time(seconds(::time(nullptr)));
    Standing standing = qrunner::standing(
        RetryItem::host, old, {.now = moment, .received = moment - row.age}, &rule, {});
    EXPECT_EQ(qrunner::may_try(standing), was_tried);
    const std::string address = "** u@h" + std::to_string(i + 2) + ".example";
    EXPECT_EQ(standing == Standing::wait_expired,
              exim.log().find(address + " R=hosts T=smtp: all hosts for 'h" +
                              std::to_string(i + 2) +
                              ".example' have been failing for a long time") !=
                  std::string::npos);
    if (!was_tried) continue;
    for (auto random : {+[](std::uint64_t) -> std::uint64_t { return 0; },
                        +[](std::uint64_t below) { return below - 1; }}) {
      auto ours = qrunner::next_try(old,
                                    {.item = RetryItem::host,
                                     .failure = {},
                                     .now = tried,
                                     .received = tried - row.age,
                                     .of_address = true,
                                     .rule = &rule},
                                    {}, random);
      ASSERT_TRUE(ours.record);
      EXPECT_EQ(ours.record->expired, now.expired);
      EXPECT_EQ(ours.record->first, now.first);
      if (row.rule[0].kind != 'H') {
        EXPECT_EQ((ours.record->next - tried) / 1s, (now.next - tried) / 1s);
      } else if (random(2) == 0) {
        EXPECT_LE(ours.record->next, now.next);
      } else {
        EXPECT_GE(ours.record->next, now.next);
      }
      bool gave_up =
          exim.log().find("** u@h" + std::to_string(i + 2) +
                          ".example: retry timeout exceeded") != std::string::npos;
      EXPECT_EQ(ours.timed_out, gave_up);
    }
  }
}

TEST(RetryExim, Q55_FailuresFallUnderTheRulesThatEximTakes) {
  REQUIRE_PROGRAM("exim4");
  if (::geteuid() != 0) GTEST_SKIP() << "exim -C takes root";
  const std::string rules =
      "begin retry\n"
      "mx.example  timeout_connect_MX  F,1h,1m\n"
      "mx.example  timeout_A           F,2h,1m\n"
      "mx.example  refused_A           F,3h,1m\n"
      "mx.example  lost_connection     F,4h,1m\n"
      "*@a.example rcpt_45x            F,5h,1m\n"
      "*@a.example rcpt_4xx            F,6h,1m\n"
      "*@a.example mail_421            F,7h,1m\n"
      "*@a.example data_4xx            F,8h,1m\n"
      "a.example   tls_required        F,9h,1m\n"
      "a.example   auth_failed         F,10h,1m\n"
      "a.example   lookup              F,11h,1m\n"
      "a.example   timeout             F,12h,1m\n"
      "*           *                   F,13h,1m\n";
  const auto program = policy::Program::any();
  auto loaded = policy::load_policy(
      "rules", rules, *policy::Macros::create({}, policy::predefined_macros(program)),
      policy::read_included, program);
  ASSERT_TRUE(loaded.policy);
  support::TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  std::ofstream(dir / "conf") << "keep_environment =\n" << rules;
  fs::permissions(dir / "conf", fs::perms(0644));

  using enum qrunner::Stage;
  auto said = [](qrunner::Stage stage, int code) {
    return refusal(stage, smtp::Reply{code, "", ""}, 'M', "");
  };
  for (const auto& failure :
       {trouble(connect, ETIMEDOUT, 'M', ""), trouble(connect, ETIMEDOUT, 'A', ""),
        trouble(greeting, ETIMEDOUT, 'M', ""), trouble(dot, ETIMEDOUT, 'A', ""),
        trouble(connect, ECONNREFUSED, 'A', ""),
        trouble(connect, ECONNREFUSED, 'M', ""), trouble(mail, hints::kClosed, 'M', ""),
        trouble(mail, ECONNRESET, 'M', ""), trouble(tls, hints::kTlsFailed, 'M', ""),
        trouble(auth, hints::kAuthFailed, 0, ""),
        trouble(connect, hints::kLookupDeferred, 0, ""), said(rcpt, 451),
        said(rcpt, 452), said(rcpt, 421), said(mail, 421), said(mail, 451),
        said(data, 452), said(dot, 450)}) {
    const policy::RetryError error = qrunner::retry_error(failure);
    const std::string word = policy::format_retry_error(error);
    policy::ScriptedContext context;
    const auto* rule = policy::find_retry_rule(
        *loaded.policy, {"u@a.example", "mx.example", error, std::nullopt}, context);
    ASSERT_TRUE(rule) << word;
    auto exim = support::run(
        {"/usr/sbin/exim4",
         {"-C", (dir / "conf").string(), "-brt", "u@a.example", "mx.example", word}});
    const std::string theirs = exim.out.substr(0, exim.out.find_last_not_of(" \n") + 1);
    const std::string ours = policy::format_retry_rule(*rule);
    const auto times =
        ours.substr(ours.find("F,"), ours.find(';') - ours.find("F,") + 1);
    EXPECT_THAT(theirs, testing::EndsWith("  " + times)) << word;
  }
}
