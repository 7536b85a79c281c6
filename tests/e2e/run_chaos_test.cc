// SPDX-License-Identifier: Apache-2.0
//
// A far end that fails in every way, by chance: every recipient gets a message once, or
// is named in one bounce to its sender, and nobody gets a message twice but those to
// whom it was sent without an answer to the dot.
//
// BOBBIN_E2E_FULL takes 5,000 messages instead of 250 for each of two seeds.
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "tests/e2e/run_support.h"
#include "tests/qrunner/dsn_parser.h"
#include "tests/support/sink_report.h"

namespace {

using run_tests::Sink;
using run_tests::TestSpool;

// A site of its own each: one that fails too often in a row gets no more in that run.
constexpr unsigned kWild = 8;
std::string wild(unsigned i) {
  return "wild" + std::to_string(i % kWild);
}

// Sinks of all kinds, and the way to them by domain.
class FarEnds {
 public:
  FarEnds(const std::filesystem::path& at, const std::string& chaos)
      : wild_(at / "wild", {"--chaos", chaos, "--max-connections", "12", "--delay", "1",
                            "--by-local-part", "--events", (at / "events").string()}),
        slow_(at / "slow", {"--chaos", chaos, "--read-rate", "100K"}),
        home_(at / "home"),
        dead_({support::program("bobbin-sink"), {"--dead", "refused"}}),
        events_(at / "events") {
    EXPECT_TRUE(dead_.saw("\n")) << dead_.err();
  }

  // Nobody waits for a host that is always dead, nor for what a local part asks for.
  std::string policy() const {
    std::string dead = dead_.out().substr(dead_.out().rfind(':') + 1);
    std::vector<std::pair<std::string, std::string>> ways = {
        {"slow", slow_.port()},
        {"home", home_.port()},
        {"dead", dead.substr(0, dead.find('\n'))}};
    for (unsigned i = 0; i < kWild; ++i) ways.emplace_back(wild(i), wild_.port());
    std::string routers = "begin routers\n", transports = "begin transports\n";
    for (const auto& [name, port] : ways) {
      routers +=
          name + ":\n  driver = manualroute\n  domains = " + name +
          ".example\n  route_list = * 127.0.0.1\n  self = send\n  transport = " + name +
          "\n";
      transports += name + ":\n  driver = smtp\n  port = " + port + "\n";
    }
    return routers + transports +
           "begin retry\n*@dead.example *\n^code-451 rcpt_4xx\n* * F,1d,1s\n";
  }

  // How often each recipient of each message was taken: "Message-Id recipient".
  std::map<std::string, int> taken() const {
    std::map<std::string, int> times;
    for (const Sink* sink : {&wild_, &slow_})
      for (const auto& [envelope, message] : sink->pairs()) {
        std::size_t id = message.find("Message-Id: <") + 13;
        std::string name = message.substr(id, message.find('@', id) - id) + " ";
        std::istringstream lines(envelope);
        for (std::string line; std::getline(lines, line);)
          if (line.starts_with("rcpt ")) ++times[name + line.substr(5)];
      }
    return times;
  }

  std::vector<std::pair<std::string, std::string>> bounces() const {
    return home_.pairs();
  }

  // What the wild one did, stage by stage: "drop dot", "421 mail".
  void count_faults(std::map<std::string, std::uint64_t>& faults) {
    auto counts = support::parse_sink_counts(wild_.stop());
    faults["421 connections"] += counts.number.at("refused_connections");
    for (const auto& event : support::read_sink_events(events_)) {
      if (event.event == "drop") ++faults["drop " + event.stage];
      if (event.code >= 400)
        ++faults[std::to_string(event.code) + " " +
                 (event.event == "answered" ? "dot" : event.event)];
    }
  }

 private:
  Sink wild_, slow_, home_;
  support::Process dead_;
  std::filesystem::path events_;
};

// What became of somebody: "ID address" to how often, by a mark of the log.
std::map<std::string, int> told(const std::string& log, std::string_view mark,
                                std::string_view text = "") {
  std::map<std::string, int> found;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, 20);
    std::string sign = " " + std::string(mark) + " ";
    if (line.find(sign) != 16 || line.find(text) == line.npos) continue;
    std::size_t begin = 16 + sign.size();
    std::size_t end = line.find_first_of(" :", begin);
    // "retry timeout exceeded" has a line behind that of the failure.
    if (mark == "**" && line[end] == ':') continue;
    ++found[line.substr(0, 16) + " " + line.substr(begin, end - begin)];
  }
  return found;
}

// Of message i.
std::vector<std::string> recipients(unsigned i) {
  std::string n = std::to_string(i), domain = wild(i) + ".example";
  std::vector<std::string> all = {"a" + n + "@" + domain, "b" + n + "@" + domain};
  if (i % 5 == 0) all.push_back("other" + n + "@" + wild(i + 1) + ".example");
  if (i % 10 == 0) all.push_back("slow" + n + "@slow.example");
  if (i % 40 == 0) all.push_back("dead" + n + "@dead.example");
  const char* const kAsking[] = {"code-550+", "code-451+", "slow-30+"};
  if (i % 7 == 0) all.push_back(kAsking[i / 7 % 3] + n + "@" + domain);
  return all;
}

class Verdict {
 public:
  explicit Verdict(const TestSpool& spool, const FarEnds& ends)
      : log_(spool.log()),
        taken_(ends.taken()),
        delivered_(told(log_, "=>")),
        failed_(told(log_, "**")) {
    for (const auto& [who, times] : told(log_, "->")) delivered_[who] += times;
    read_bounces(ends);
  }

  // Of one recipient.
  void judge(const std::string& id, const std::string& address) {
    std::string who = id + " " + address;
    SCOPED_TRACE(who);
    int arrived = taken_[who], confirmed = delivered_[who], failed = failed_[who];
    failures_ += failed;
    EXPECT_EQ(confirmed + failed, 1);
    EXPECT_GE(arrived, confirmed);
    EXPECT_EQ(bounced_[who], failed);
    // Window P1: the answer to the dot was lost.
    int twice = arrived - confirmed;
    EXPECT_LE(twice, unanswered_[who]);
    twice_ += twice;
  }

  int twice() const { return twice_; }
  int failed() const { return failures_; }
  // In all bounces together.
  int named() const { return named_; }

 private:
  void read_bounces(const FarEnds& ends) {
    unanswered_ = told(log_, "==", "in response to end of data");
    for (const auto& [who, times] : told(log_, "**", "in response to end of data"))
      unanswered_[who] += times;
    for (const auto& [envelope, text] : ends.bounces()) {
      dsn_tests::DsnParser report(text);
      EXPECT_EQ(report.faults, std::vector<std::string>()) << text;
      EXPECT_NE(envelope.find("\nmail \n"), envelope.npos) << envelope;
      // Each message has its own sender.
      std::size_t to = envelope.find("\nrcpt ") + 6;
      std::string id = envelope.substr(to, 16);
      for (const auto& fields : report.recipients) {
        std::map<std::string, std::string> value;
        for (const auto& field : fields) value[field.name] = field.value;
        EXPECT_EQ(value["Action"], "failed") << text;
        EXPECT_TRUE(value["Status"].starts_with("5.")) << text;
        std::string final = value["Final-Recipient"];
        EXPECT_TRUE(final.starts_with("rfc822; ")) << text;
        ++named_;
        ++bounced_[id + " " + final.substr(8)];
      }
    }
  }

  std::string log_;
  std::map<std::string, int> taken_, delivered_, failed_, bounced_, unanswered_;
  int twice_ = 0, failures_ = 0, named_ = 0;
};

TEST(RunChaos, EverybodyGetsItOnceOrItsSenderHears) {
  const unsigned most = run_tests::full() ? 5'000 : 250;
  std::map<std::string, std::uint64_t> faults;
  for (const char* chaos : {"7:8", "11:20"}) {
    TestSpool spool;
    for (unsigned i = 0; i < most; ++i)
      spool.put(TestSpool::id(i), {.recipients = recipients(i),
                                   .body = std::string(i % 10 ? 10 : 4000, 'x') + "\n",
                                   .sender = TestSpool::id(i) + "@home.example"});
    FarEnds ends(spool.path(), chaos);
    spool.configure(ends.policy());
    int runs = 0;
    for (; runs < 500 && !spool.messages().empty(); ++runs)
      ASSERT_EQ(spool.run({"-qqf"}).status, 0);
    EXPECT_EQ(spool.messages(), std::vector<std::string>());
    ends.count_faults(faults);
    Verdict verdict(spool, ends);
    for (unsigned i = 0; i < most && !HasFailure(); ++i)
      for (const std::string& address : recipients(i))
        verdict.judge(TestSpool::id(i), address);
    EXPECT_EQ(verdict.named(), verdict.failed()) << "and nobody else is";
    std::cout << most << " messages, chaos " << chaos << ": " << runs << " runs, "
              << verdict.failed() << " recipients bounced, " << verdict.twice()
              << " got it though its dot was not answered\n";
  }
  for (const char* stage : {"connect", "ehlo", "mail", "rcpt", "data", "body", "dot"})
    EXPECT_GT(faults["drop " + std::string(stage)], 0) << stage;
  for (const char* stage : {"mail", "rcpt", "data", "dot"})
    for (const char* code : {"421 ", "451 ", "554 "})
      EXPECT_GT(faults[std::string(code) + stage], 0) << code << stage;
  EXPECT_GT(faults["421 connections"], 0);
}

}  // namespace
