// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run, killed at everything it does to the disk, and run again: every recipient
// gets every message, and twice only in the dot window, between the dot of a
// transaction and its record, which is one message a connection.
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <span>
#include <sstream>

#include "base/fd.h"
#include "spoolfmt/new_message.h"
#include "tests/crash/strike.h"
#include "tests/support/temp_dir.h"

namespace crash {
namespace {

namespace fs = std::filesystem;

constexpr int kConnections = 2;

struct Message {
  const char* name;
  std::vector<std::string> recipients;
};
const Message kMessages[] = {
    {"one", {"a@one.example"}},
    {"three", {"a@one.example", "b@two.example", "c@one.example"}},
    {"two", {"A@One.Example", "d@two.example"}},  // a spelling of its own
    {"refused", {"later@two.example", "e@one.example"}},
};

void queue(const fs::path& directory, const std::string& run,
           std::span<const Message> messages = kMessages,
           const std::string& sender = "s@sender.example") {
  auto spool = spoolfmt::Spool::create(directory);
  ASSERT_TRUE(spool);
  static spoolfmt::MessageIdSource ids({}, 1);
  base::SystemClock clock;
  for (const Message& message : messages) {
    auto now = clock.now();
    auto queued = spoolfmt::NewMessage::create(*spool, ids.next(now));
    ASSERT_TRUE(queued) << queued.error().text;
    ASSERT_TRUE(queued->write_body("Hello.\n"));
    spoolfmt::HFile file;
    file.id = queued->id();
    file.sender = sender;
    file.received = now.time_since_epoch().count() / 1'000'000;
    file.set_value("body_linecount", "1");
    for (const auto& address : message.recipients)
      file.recipients.push_back({address, {}, {}, 0, -1, false});
    file.headers.push_back(
        {'I', "Message-ID: <" + std::string(message.name) + "@" + run + ">\n"});
    ASSERT_TRUE(queued->commit(file));
    queued->log("Received", now);
    queued->keep();
  }
}

// "name@run", and how often each recipient got it.
using Deliveries = std::map<std::string, std::map<std::string, int>>;

Deliveries read_dump(const fs::path& dump) {
  Deliveries deliveries;
  for (const auto& entry : fs::directory_iterator(dump)) {
    fs::path path = entry.path();
    if (path.extension() != ".eml") continue;
    std::string text = base::read_file(path).value();
    std::size_t start = text.find("Message-ID: <");
    EXPECT_NE(start, std::string::npos) << path << " is a message of ours";
    std::string id = text.substr(start + 13, text.find('>', start) - start - 13);
    EXPECT_TRUE(text.ends_with("\n\nHello.\n")) << path << " is whole";
    std::istringstream envelope(
        base::read_file(path.replace_extension(".env")).value());
    for (std::string line; std::getline(envelope, line);)
      if (line.starts_with("rcpt "))
        ++deliveries[id][spoolfmt::unique_form(line.substr(5))];
  }
  return deliveries;
}

// What still counts as a message.  A -D alone is debris, which a power cut may bring
// back.
std::vector<std::string> messages_in(const fs::path& spool) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(spool / "input"))
    if (std::string name = entry.path().filename(); name.ends_with("-H"))
      names.push_back(name);
  return names;
}

// A sink that writes what it gets to `dump`.
class Sink {
 public:
  Sink(fs::path dump, std::vector<std::string> args)
      : dump_(std::move(dump)), process_(command(dump_, std::move(args))) {
    EXPECT_TRUE(process_.saw("listening on ") && process_.saw("\n")) << process_.err();
    const std::string& text = process_.out();
    std::size_t at = text.find("listening on ") + 13;
    address_ = text.substr(at, text.find('\n', at) - at);
  }

  const std::string& address() const { return address_; }
  Deliveries stop() {
    process_.signal(SIGTERM);
    process_.wait();
    return read_dump(dump_);
  }
  // How often somebody got something, once it was stopped.
  std::map<std::string, int> recipients() {
    process_.signal(SIGTERM);
    process_.wait();
    std::map<std::string, int> got;
    for (const auto& entry : fs::directory_iterator(dump_)) {
      if (entry.path().extension() != ".env") continue;
      std::istringstream envelope(base::read_file(entry.path()).value());
      for (std::string line; std::getline(envelope, line);)
        if (line.starts_with("rcpt ")) ++got[line.substr(5)];
    }
    return got;
  }

 private:
  static support::Command command(const fs::path& dump, std::vector<std::string> args) {
    args.insert(args.begin(), {"--listen", "127.0.0.1:0", "--dump", dump.string()});
    return {support::program("bobbin-sink"), std::move(args)};
  }

  fs::path dump_;
  support::Process process_;
  std::string address_;
};

Deliveries of_both(Sink& one, Sink& other) {
  Deliveries got = one.stop();
  for (const auto& [id, recipients] : other.stop())
    for (const auto& [recipient, times] : recipients) got[id][recipient] += times;
  return got;
}

// -D is unlinked before -H, as Exim does it; in between, the message is over for
// everybody, but its -H is check's to find, by its journal.  True: it did.  A power cut
// between the two may also take the journal, which says nothing new by then: what is
// left is nothing that could be sent, and an administrator's to remove.
bool swept_up(const fs::path& spool, const std::string& how) {
  if (messages_in(spool).empty()) return false;
  support::run({support::program("bobbin-check"), {"-s", spool, "--fix"}});
  bool power = how == "power" || how.starts_with("scattered");
  for (const auto& name : messages_in(spool)) {
    std::string d = name.substr(0, name.size() - 1) + "D";
    if (power && !fs::exists(spool / "input" / d)) fs::remove(spool / "input" / name);
  }
  return true;
}

support::Command run_to(const Sink& sink, const fs::path& spool) {
  return {support::program("bobbin-run"),
          {"-qqff", "-s", spool, "--smarthost", sink.address(), "--connections",
           std::to_string(kConnections), "--ramp", "1"}};
}

class RunKilled : public testing::TestWithParam<std::string> {};

TEST_P(RunKilled, DeliversEverythingAndTwiceOnlyInTheDotWindow) {
  support::TempDir temp;
  fs::path dump = temp / "dump";
  // A second sink takes what the first puts off, so that some messages stay behind.
  Sink picky(dump / "1", {"--defer-rcpt", "^later@"}), patient(dump / "2", {});
  fs::path root = temp / "root", spool = root / "spool", report = temp / "report";

  std::map<std::string, std::string> calls_of_runs;
  auto [at, step] = points_of(GetParam());
  int cut_short = 0;
  for (bool reached = true; reached; at += step) {
    fs::remove_all(root);
    fs::create_directory(root);
    std::string name = "run" + std::to_string(at);
    queue(spool, name);
    auto killed =
        support::run(under_shim(run_to(picky, spool), root, {GetParam(), at}, report));
    auto call = struck(report);
    reached = call.has_value();
    SCOPED_TRACE(GetParam() + " " + call.value_or("never struck"));
    ASSERT_EQ(killed.status, call ? 128 + SIGKILL : killed.status) << killed.err;
    ASSERT_TRUE(call || killed.status < 2) << killed.err;
    calls_of_runs[name] = call.value_or("never struck");

    auto second = support::run(run_to(patient, spool));
    EXPECT_EQ(second.status, 0) << second.err;
    if (swept_up(spool, GetParam())) ++cut_short;
    EXPECT_EQ(messages_in(spool), std::vector<std::string>());
    if (HasFailure()) break;
  }

  Deliveries got = of_both(picky, patient);
  int all_twice = 0;
  for (const auto& [name, call] : calls_of_runs) {
    int twice = 0;
    for (const Message& message : kMessages) {
      bool again = false;
      auto& times = got[std::string(message.name) + "@" + name];
      for (const auto& address : message.recipients) {
        std::string recipient = spoolfmt::unique_form(address);
        EXPECT_GE(times[recipient], 1)
            << call << ": lost: " << message.name << " to " << recipient;
        EXPECT_LE(times[recipient], 2)
            << call << ": " << message.name << " to " << recipient;
        again = again || times[recipient] > 1;
      }
      if (again) ++twice;
    }
    EXPECT_LE(twice, call == "never struck" ? 0 : kConnections) << call;
    all_twice += twice;
  }
  std::cout << "run, " << GetParam() << ": " << calls_of_runs.size() - 1
            << " points of death, " << all_twice
            << " messages sent twice in the dot window, " << cut_short
            << " ends cut short\n";
}

// Exim's order; and a journal goes when nothing can come back that it speaks of.
TEST(RunEnds, Q72_LogAndBodyAndHeadAndOnceThatIsSyncedTheJournal) {
  support::TempDir temp;
  Sink sink(temp / "dump", {});
  fs::path root = temp / "root", spool = root / "spool", report = temp / "report";
  fs::create_directory(root);
  queue(spool, "run");
  auto run = support::run(under_shim(run_to(sink, spool), root, {"before", 0}, report));
  ASSERT_EQ(run.status, 0) << run.err;
  std::map<std::string, std::string> order;  // of what happened, by message
  std::istringstream calls(base::read_file(report).value());
  for (std::string number, call, path; calls >> number >> call >> path;) {
    fs::path file = path;
    std::string name = file.filename(), id = name.substr(0, 16);
    if (call == "fsync" && path == "spool/input")
      for (auto& [message, text] : order) text += text.ends_with("H ") ? "sync " : "";
    if (call != "unlink") continue;
    if (file.parent_path() == "spool/msglog") order[id] += "log ";
    if (file.parent_path() == "spool/input") order[id] += name.substr(17) + " ";
  }
  EXPECT_EQ(order.size(), std::size(kMessages));
  for (const auto& [id, text] : order)
    EXPECT_TRUE(text == "log D H sync " || text == "log D H sync J ") << id << text;
  EXPECT_TRUE(fs::is_empty(spool / "input"));
  EXPECT_TRUE(fs::is_empty(spool / "msglog"));
}

// The bounce window (B1), between a bounce in the queue and the line that says so of
// the message it is about: its sender hears it once, at most once more, and never not.
TEST_P(RunKilled, Q93_TheSenderHearsOfAFailure) {
  const Message failing[] = {{"failing", {"never@two.example", "e@one.example"}}};
  support::TempDir temp;
  Sink sink(temp / "dump", {"--reject-rcpt", "^never@"});
  fs::path root = temp / "root", spool = root / "spool", report = temp / "report";
  auto [at, step] = points_of(GetParam());
  std::map<std::string, std::string> call_of;  // by sender
  for (bool reached = true; reached; at += step) {
    fs::remove_all(root);
    fs::create_directory(root);
    std::string sender = "s" + std::to_string(at) + "@sender.example";
    queue(spool, "run" + std::to_string(at), failing, sender);
    support::run(under_shim(run_to(sink, spool), root, {GetParam(), at}, report));
    auto call = struck(report);
    reached = call.has_value();
    call_of[sender] = call.value_or("never struck");
    // The message, its bounce, and one to spare.
    for (int i = 0; i < 3 && !messages_in(spool).empty(); ++i) {
      auto end = support::run(run_to(sink, spool));
      EXPECT_EQ(end.status, 0) << call_of[sender] << ": " << end.err;
    }
    swept_up(spool, GetParam());
    EXPECT_EQ(messages_in(spool), std::vector<std::string>()) << call_of[sender];
    if (HasFailure()) break;
  }
  auto got = sink.recipients();
  int twice = 0;
  for (const auto& [sender, call] : call_of) {
    EXPECT_GE(got[sender], 1) << call << ": nobody told " << sender;
    EXPECT_LE(got[sender], call == "never struck" ? 1 : 2) << call << ": " << sender;
    if (got[sender] > 1) ++twice;
  }
  EXPECT_FALSE(got.contains("never@two.example"));
  std::cout << "run, bounces, " << GetParam() << ": " << call_of.size() - 1
            << " points of death, " << twice << " bounces sent twice\n";
}

INSTANTIATE_TEST_SUITE_P(Crash, RunKilled, testing::ValuesIn(ways_to_die()),
                         [](const auto& test) { return test.param; });

// The disk refuses something, or everything from then on: no message is sent that
// could not be written down, so that none is lost and none is sent twice.
class RunTripped : public testing::TestWithParam<std::string> {};

TEST_P(RunTripped, Q71_WhatCannotBeWrittenDownIsNotSent) {
  support::TempDir temp;
  Sink sink(temp / "dump", {"--defer-rcpt", "^later@"});
  fs::path root = temp / "root", spool = root / "spool", report = temp / "report";
  std::map<std::string, std::string> calls_of_runs;
  auto [at, step] = points_of(GetParam());
  for (bool reached = true; reached; at += step) {
    fs::remove_all(root);
    fs::create_directory(root);
    std::string name = "run" + std::to_string(at);
    queue(spool, name);
    auto tripped =
        support::run(under_shim(run_to(sink, spool), root, {GetParam(), at}, report));
    auto call = struck(report);
    reached = call.has_value();
    calls_of_runs[name] = call.value_or("never struck");
    SCOPED_TRACE(GetParam() + " " + calls_of_runs[name]);
    EXPECT_LT(tripped.status, 128) << tripped.err;
    // Something can be read of each message that is left.
    for (const auto& left : messages_in(spool))
      EXPECT_TRUE(
          spoolfmt::parse_h_file(base::read_file(spool / "input" / left).value(), left))
          << left;
    auto second = support::run(run_to(sink, spool));
    EXPECT_EQ(second.status, 0) << second.err;
    if (HasFailure()) break;
  }
  Deliveries got = sink.stop();
  for (const auto& [name, call] : calls_of_runs)
    for (const Message& message : kMessages)
      for (const auto& address : message.recipients) {
        std::string recipient = spoolfmt::unique_form(address);
        if (recipient.starts_with("later@")) continue;
        EXPECT_EQ(got[std::string(message.name) + "@" + name][recipient], 1)
            << call << ": " << message.name << " to " << recipient;
      }
  std::cout << "run, " << GetParam() << ": " << calls_of_runs.size() - 1
            << " points of trouble\n";
}

INSTANTIATE_TEST_SUITE_P(Crash, RunTripped,
                         testing::Values("ENOSPC", "EIO", "EMFILE", "full"),
                         [](const auto& test) { return test.param; });

// The emergency journal: the disk dies for good, with deliveries under way.  They are
// on record on another one, and the run that comes when the disk is back knows them.
TEST(RunOnADyingDisk, S13_10_Q71_WhatIsDeliveredIsNotForgotten) {
  support::TempDir temp;
  Sink sink(temp / "dump", {"--delay-dot", "2"});
  fs::path root = temp / "root", spool = root / "spool", report = temp / "report";
  fs::path elsewhere = temp / "elsewhere", conf = temp / "conf";
  fs::create_directory(elsewhere);
  ASSERT_TRUE(std::ofstream(conf)
              << "emergency_journal = " << elsewhere.string()
              << "\nlog_file_path = " << temp.path().string() << "/%slog\n");
  auto command = run_to(sink, spool);
  command.args.insert(command.args.begin(), {"-C", conf});
  auto is_empty = [&] { return fs::is_empty(elsewhere); };
  std::map<std::string, std::string> calls_of_runs;
  int needed = 0;
  auto [at, step] = points_of("dead");
  for (bool reached = true; reached && !HasFailure(); at += step) {
    fs::remove_all(root);
    fs::create_directory(root);
    std::string name = "run" + std::to_string(at);
    queue(spool, name);
    auto dying = support::run(under_shim(command, root, {"dead", at}, report));
    auto call = struck(report);
    reached = call.has_value();
    calls_of_runs[name] = call.value_or("never struck");
    SCOPED_TRACE(calls_of_runs[name]);
    EXPECT_LT(dying.status, 128) << dying.err;
    if (!is_empty()) {
      ++needed;
      EXPECT_EQ(dying.status, 74) << dying.err;
      auto panic = base::read_file(temp / "paniclog");
      EXPECT_TRUE(panic && !panic->empty());
    }
    auto second = support::run(command);
    EXPECT_EQ(second.status, 0) << second.err;
    swept_up(spool, "dead");
    EXPECT_EQ(messages_in(spool), std::vector<std::string>());
    EXPECT_TRUE(is_empty()) << "it was taken in";
  }
  EXPECT_GT(needed, 0);
  Deliveries got = sink.stop();
  for (const auto& [name, call] : calls_of_runs)
    for (const Message& message : kMessages)
      for (const auto& address : message.recipients)
        EXPECT_EQ(
            got[std::string(message.name) + "@" + name][spoolfmt::unique_form(address)],
            1)
            << call << ": " << message.name << " to " << address;
  std::cout << "run, on a dying disk: " << calls_of_runs.size() - 1
            << " points of trouble, " << needed << " emergency journals\n";
}

// Deaths while many messages are under way: 25 of them, 1,000 with BOBBIN_CRASH_FULL.
int deaths() {
  return std::getenv("BOBBIN_CRASH_FULL") != nullptr ? 1000 : 25;
}

constexpr int kSets = 8;  // of kMessages in a round

std::string name_of(int round, int set) {
  return "r" + std::to_string(round) + "i" + std::to_string(set);
}

void queue_round(const fs::path& spool, int round) {
  for (int set = 0; set < kSets; ++set) queue(spool, name_of(round, set));
}

// How many messages were sent again, and again; none is lost.
int sent_again(Deliveries& got, int rounds) {
  int again = 0;
  for (int round = 0; round < rounds; ++round)
    for (int set = 0; set < kSets; ++set)
      for (const Message& message : kMessages) {
        std::string id = std::string(message.name) + "@" + name_of(round, set);
        int most = 1;
        for (const auto& address : message.recipients) {
          int times = got[id][spoolfmt::unique_form(address)];
          EXPECT_GE(times, 1) << "lost: " << id << " to " << address;
          most = std::max(most, times);
        }
        again += most - 1;
      }
  return again;
}

// At any moment instead of at a call.
TEST(RunKilledAtRandom, Q65_EverythingArrivesAndTwiceOnlyInTheDotWindow) {
  const int most = deaths();
  support::TempDir temp;
  Sink sink(temp / "dump", {"--delay-dot", "2"});
  fs::path spool = temp / "spool";
  std::mt19937 dice(65);  // NOLINT(cert-msc51-cpp): the moments come of themselves
  int killed = 0, rounds = 0, cut_short = 0;
  for (; killed < most && !HasFailure(); ++rounds) {
    queue_round(spool, rounds);
    for (int tries = 0; tries < 4 && !messages_in(spool).empty(); ++tries) {
      support::Process run(run_to(sink, spool));
      auto moment = std::chrono::milliseconds(dice() % 250);
      if (!run.saw("\xff never said", moment)) run.signal(SIGKILL);
      int status = run.wait().status;
      EXPECT_TRUE(status == 0 || status == 128 + SIGKILL) << status;
      if (status != 0) ++killed;
    }
    auto last = support::run(run_to(sink, spool));
    EXPECT_EQ(last.status, 0) << last.err;
    if (swept_up(spool, "SIGKILL")) ++cut_short;
    EXPECT_EQ(messages_in(spool), std::vector<std::string>());
  }
  Deliveries got = sink.stop();
  int twice = sent_again(got, rounds);
  EXPECT_LE(twice, kConnections * killed);
  std::cout << "run, at random: " << killed << " deaths, "
            << rounds * kSets * std::size(kMessages) << " messages, " << twice
            << " sent twice in the dot window, " << cut_short << " ends cut short\n";
}

// The same for the whole machine: at a cut of the power what was not synced is gone, or
// some of it, and the next run, which may meet a cut of its own, goes on with the rest.
TEST(RunWithoutPowerAtRandom, Q66_EverythingArrivesAndTwiceOnlyInTheDotWindow) {
  const int most = deaths();
  support::TempDir temp;
  fs::path dump = temp / "dump";
  Sink picky(dump / "1", {"--delay-dot", "2", "--defer-rcpt", "^later@"});
  Sink patient(dump / "2", {});
  fs::path root = temp / "root", spool = root / "spool", report = temp / "report";
  std::mt19937 dice(66);  // NOLINT(cert-msc51-cpp): each run of the test has the same
  int cuts = 0, rounds = 0, cut_short = 0;
  unsigned long calls_of_a_run = 1;  // as many as the longest had
  for (; cuts < most && !HasFailure(); ++rounds) {
    fs::remove_all(root);
    fs::create_directory(root);
    queue_round(spool, rounds);
    for (int tries = 0; tries < 4 && !messages_in(spool).empty(); ++tries) {
      // The first run of all shows how long a run is.
      long at =
          rounds + tries == 0 ? 0 : 1 + static_cast<long>(dice() % calls_of_a_run);
      std::string how =
          dice() % 2 == 0 ? "power" : "scattered" + std::to_string(1 + dice() % 1000);
      auto end =
          support::run(under_shim(run_to(picky, spool), root, {how, at}, report));
      calls_of_a_run = std::max(calls_of_a_run, calls(report));
      auto call = struck(report);
      SCOPED_TRACE(how + " " + call.value_or("never struck"));
      ASSERT_EQ(end.status, call ? 128 + SIGKILL : 0) << end.err;
      if (call) ++cuts;
    }
    auto last = support::run(run_to(patient, spool));
    EXPECT_EQ(last.status, 0) << last.err;
    if (swept_up(spool, "power")) ++cut_short;
    EXPECT_EQ(messages_in(spool), std::vector<std::string>());
  }
  Deliveries got = of_both(picky, patient);
  int again = sent_again(got, rounds);
  EXPECT_LE(again, kConnections * cuts);
  std::cout << "run, power cut at random: " << cuts << " cuts, "
            << rounds * kSets * std::size(kMessages) << " messages, " << again
            << " sent again in the dot window, " << cut_short << " ends cut short\n";
}

}  // namespace
}  // namespace crash
