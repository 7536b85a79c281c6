// SPDX-License-Identifier: Apache-2.0
//
// A living Exim, its daemon with four queue runners, and bobbin-run deliver the same
// spool at the same time: nobody is lost, and nobody gets a message twice.
//
// Some recipients are at a host that is dead at first, so that either goes on with what
// the other has begun.  BOBBIN_E2E_FULL takes 5,000 messages instead of 300.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/e2e/run_exim.h"
#include "tests/support/free_port.h"

namespace {

using namespace std::chrono_literals;
using run_tests::count_of;
using run_tests::Exim;
using run_tests::Sink;
using run_tests::TestSpool;
using std::chrono::steady_clock;

// x.example and the rest by name; `name`: who says HELO.
std::string policy(const std::string& name, const std::string& port,
                   const std::string& other_port) {
  auto router = [](const std::string& domains, const std::string& transport) {
    return transport + ":\n  driver = manualroute\n" + domains +
           "  route_list = * 127.0.0.1\n  self = send\n  transport = " + transport +
           "\n";
  };
  auto transport = [&](const std::string& its, const std::string& its_port) {
    return its + ":\n  driver = smtp\n  hosts_try_chunking =\n  helo_data = " + name +
           "\n  port = " + its_port + "\n";
  };
  return "begin routers\n" + router("  domains = x.example\n", "near") +
         router("", "late") + "begin transports\n" + transport("near", port) +
         transport("late", other_port) + "begin retry\n* * F,1d,1s\n";
}

struct Deliveries {
  std::map<std::string, int> times;    // "Message-Id recipient"
  std::map<std::string, int> by_whom;  // recipients, by what was said in HELO
};

void count(const Sink& sink, Deliveries& all) {
  for (const auto& [envelope, message] : sink.pairs()) {
    std::size_t id = message.find("Message-Id: ") + 12;
    std::string name = message.substr(id, message.find('\n', id) - id);
    std::istringstream lines(envelope);
    std::string helo;
    for (std::string word, value; std::getline(lines >> word >> std::ws, value);) {
      if (word == "helo") helo = value;
      if (word != "rcpt") continue;
      ++all.times[name + " " + value];
      ++all.by_whom[helo];
    }
  }
}

TEST(RunBesideExim, NoneTwiceNoneLost) {
  REQUIRE_EXIM();
  const unsigned most = run_tests::full() ? 5000 : 300;
  TestSpool spool;
  std::map<std::string, int> expected;
  for (unsigned i = 0; i < most; ++i) {
    std::string id = TestSpool::id(i), n = std::to_string(i);
    std::vector<std::string> recipients = {"a" + n + "@x.example"};
    if (i % 2 == 0) recipients.push_back("b" + n + "@x.example");
    if (i % 3 == 0) recipients.push_back("late" + n + "@y.example");
    spool.put(id, {.recipients = recipients}, i % 5 == 0 ? "S" : "");
    for (const auto& recipient : recipients)
      expected["<" + id + "@x.example> " + recipient] = 1;
  }
  Sink near(spool.path() / "near", {"--delay-dot", "2"});
  std::string late_port = std::to_string(support::free_port());
  spool.configure(policy("bobbin", near.port(), late_port));
  Exim exim(spool,
            "local_interfaces = 127.0.0.1\ndaemon_smtp_ports = " +
                std::to_string(support::free_port()) +
                "\nqueue_run_max = 4\nsplit_spool_directory\nkeep_environment =\n" +
                policy("exim", near.port(), late_port));
  support::Process daemon(exim.command({"-bdf", "-q1s"}));
  ASSERT_TRUE(spool.logged(" Completed\n")) << "Exim is at work " << daemon.err();

  int runs = 0;
  auto until = steady_clock::now() + (run_tests::full() ? 900s : 60s);
  std::optional<Sink> late;
  while (!spool.messages().empty() && steady_clock::now() < until) {
    auto end = spool.run({"-qq"});
    ASSERT_EQ(end.status, 0) << end.err;
    ++runs;
    if (!late)
      late.emplace(spool.path() / "late", std::vector<std::string>{"--delay-dot", "2"},
                   "127.0.0.1:" + late_port);
  }
  daemon.signal(SIGTERM);
  daemon.wait();
  EXPECT_EQ(spool.messages(), std::vector<std::string>());
  Deliveries got;
  near.stop();
  late->stop();
  count(near, got);
  count(*late, got);
  EXPECT_EQ(got.times, expected);
  EXPECT_GT(got.by_whom["bobbin"], 0);
  EXPECT_GT(got.by_whom["exim"], 0);
  std::string log = spool.log();
  EXPECT_EQ(count_of(log, " Completed\n"), most);
  std::cout << most << " messages, " << expected.size() << " recipients: Exim "
            << got.by_whom["exim"] << ", we " << got.by_whom["bobbin"] << " in " << runs
            << " runs; locked by the other " << count_of(log, " is locked (another")
            << " times\n";
}

}  // namespace
