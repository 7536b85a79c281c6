// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run, killed at everything it does to the disk, and run again: every recipient
// gets every message, and twice only in the dot window, between the dot of a
// transaction and the sync of its journal lines, which is one message a connection.
#include <gtest/gtest.h>

#include <iostream>
#include <map>
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

void queue(const fs::path& directory, const std::string& run) {
  auto spool = spoolfmt::Spool::create(directory);
  ASSERT_TRUE(spool);
  spoolfmt::MessageIdSource ids({}, 1);
  base::SystemClock clock;
  for (const Message& message : kMessages) {
    auto now = clock.now();
    auto queued = spoolfmt::NewMessage::create(*spool, ids.next(now));
    ASSERT_TRUE(queued) << queued.error().text;
    ASSERT_TRUE(queued->write_body("Hello.\n"));
    spoolfmt::HFile file;
    file.id = queued->id();
    file.sender = "s@sender.example";
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
      if (line.starts_with("rcpt ")) ++deliveries[id][line.substr(5)];
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

class RunKilled : public testing::TestWithParam<std::string> {};

TEST_P(RunKilled, DeliversEverythingAndTwiceOnlyInTheDotWindow) {
  support::TempDir temp;
  fs::path dump = temp / "dump";
  // A second sink takes what the first puts off, so that some messages stay behind.
  support::Process picky(
      {support::program("bobbin-sink"),
       {"--listen", "127.0.0.1:0", "--dump", dump / "1", "--defer-rcpt", "^later@"}});
  support::Process patient({support::program("bobbin-sink"),
                            {"--listen", "127.0.0.1:0", "--dump", dump / "2"}});
  auto address_of = [](support::Process& sink) {
    EXPECT_TRUE(sink.saw("listening on ") && sink.saw("\n")) << sink.err();
    std::string text = sink.out().substr(sink.out().find("listening on ") + 13);
    return text.substr(0, text.find('\n'));
  };
  std::string picky_address = address_of(picky), patient_address = address_of(patient);
  fs::path root = temp / "root", spool = root / "spool", report = temp / "report";
  auto run = [&](const std::string& smarthost) {
    return support::Command{
        support::program("bobbin-run"),
        {"-qqff", "-s", spool, "--smarthost", smarthost, "--connections",
         std::to_string(kConnections), "--ramp", "1"}};
  };

  std::map<std::string, std::string> calls_of_runs;
  auto [at, step] = points_of(GetParam());
  int cut_short = 0;
  for (bool reached = true; reached; at += step) {
    fs::remove_all(root);
    fs::create_directory(root);
    std::string name = "run" + std::to_string(at);
    queue(spool, name);
    auto killed =
        support::run(under_shim(run(picky_address), root, {GetParam(), at}, report));
    auto call = struck(report);
    reached = call.has_value();
    SCOPED_TRACE(GetParam() + " " + call.value_or("never struck"));
    ASSERT_EQ(killed.status, call ? 128 + SIGKILL : killed.status) << killed.err;
    ASSERT_TRUE(call || killed.status < 2) << killed.err;
    calls_of_runs[name] = call.value_or("never struck");

    auto second = support::run(run(patient_address));
    EXPECT_EQ(second.status, 0) << second.err;
    // -D is unlinked before -H, as Exim does it; in between, the message is over for
    // everybody, but its -H is check's to find.
    if (!messages_in(spool).empty()) {
      ++cut_short;
      support::run({support::program("bobbin-check"), {"-s", spool, "--fix"}});
    }
    EXPECT_EQ(messages_in(spool), std::vector<std::string>());
    if (HasFailure()) break;
  }

  for (auto* sink : {&picky, &patient}) {
    sink->signal(SIGTERM);
    sink->wait();
  }
  Deliveries got = read_dump(dump / "1");
  for (const auto& [id, recipients] : read_dump(dump / "2"))
    for (const auto& [recipient, times] : recipients) got[id][recipient] += times;
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

INSTANTIATE_TEST_SUITE_P(Crash, RunKilled, testing::ValuesIn(ways_to_die()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace crash
