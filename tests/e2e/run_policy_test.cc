// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run by a policy: routers and the DNS, retry times, bounces, local transports.
#include <gtest/gtest.h>

#include "tests/e2e/run_support.h"
#include "tests/support/name_server.h"
#include "tests/support/peers.h"

namespace {

using run_tests::count_of;
using run_tests::Letter;
using run_tests::Sink;
using run_tests::slurp;
using run_tests::spill;
using run_tests::TestSpool;

namespace fs = std::filesystem;

bool has(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

const std::vector<support::Zone> kZones = {
    {"z.example",
     "one A 127.0.0.11\ntwo A 127.0.0.12\n"
     "first MX 10 one\nsecond MX 10 two\nboth MX 10 two\nboth MX 20 one\n"
     "null MX 0 .\n"}};

// By MX, on a port of the test's; what a name server does not know is not waited for.
std::string by_mx(const std::string& servers, const std::string& port) {
  return "dns_servers = " + servers + R"(
dns_dnssec_ok = 0
dns_retrans = 1s
dns_retry = 1

begin routers
dnslookup:
  driver = dnslookup
  transport = remote_smtp
  no_more

begin transports
remote_smtp:
  driver = smtp
  port = )" +
         port + R"(

begin retry
* * F,2h,15m; G,16h,1h,1.5; F,4d,6h
)";
}

class RunByMx : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (support::find_program("knotd")) server = new support::NameServer(kZones);
  }
  static void TearDownTestSuite() {
    delete server;
    server = nullptr;
  }
  void SetUp() override { REQUIRE_PROGRAM("knotd"); }
  static support::NameServer* server;
  TestSpool spool;
};
support::NameServer* RunByMx::server = nullptr;

TEST_F(RunByMx, EverybodyGetsItOnceWhereverHeIs) {
  Sink one(spool.path() / "one", {}, "127.0.0.11:0");
  Sink two(spool.path() / "two", {}, "127.0.0.12:" + one.port());
  spool.configure(by_mx(server->address(), one.port()));
  for (unsigned i = 0; i < 20; ++i)
    spool.put(TestSpool::id(i),
              {.recipients = {"a@first.z.example", "b@second.z.example",
                              "c@FIRST.z.example"}});
  auto end = spool.run({"-qq"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(one.messages().size(), 20U) << spool.log();
  EXPECT_EQ(two.messages().size(), 20U);
  EXPECT_EQ(count_of(one.envelopes()[0], "rcpt "), 2U) << one.envelopes()[0];
  EXPECT_TRUE(spool.files().empty()) << spool.log();
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 20U);
  EXPECT_TRUE(
      has(spool.log(), "R=dnslookup T=remote_smtp H=one.z.example [127.0.0.11]"));
}

TEST_F(RunByMx, Q42_TheNextHostIsTriedWhenTheFirstIsDead) {
  Sink one(spool.path() / "one", {}, "127.0.0.11:0");
  spool.configure(by_mx(server->address(), one.port()));
  spool.put(TestSpool::id(1), {.recipients = {"a@both.z.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(one.messages().size(), 1U) << spool.log();
  EXPECT_TRUE(has(spool.log(), "H=two.z.example [127.0.0.12] Connection refused\n"))
      << spool.log();
  // Its record holds it back for the next message.
  spool.put(TestSpool::id(2), {.recipients = {"a@both.z.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), "Connection refused"), 1U) << spool.log();
  EXPECT_EQ(one.messages().size(), 2U);
}

TEST_F(RunByMx, Q43_Q44_Q91_WhatCannotBeRoutedIsBouncedInOneReport) {
  spool.configure(by_mx(server->address(), "25"));
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"a@null.z.example", "b@nowhere.z.example",
                                "c@null.z.example"},
                 .sender = "s@first.z.example"});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " ** b@nowhere.z.example")) << spool.log();
  EXPECT_EQ(count_of(spool.log(), " <= <> R=" + id), 1U) << spool.log();
  EXPECT_TRUE(has(spool.log(), id + " Completed\n")) << spool.log();
  auto files = spool.files();
  ASSERT_EQ(files.size(), 3U) << "the bounce, and nothing else";
  std::string body = slurp(spool.file(files[1]));
  EXPECT_TRUE(has(body, "Status: 5.1.10\n")) << body;
  EXPECT_TRUE(has(body, "Final-Recipient: rfc822; b@nowhere.z.example\n")) << body;
}

TEST_F(RunByMx, Q89_ABounceThatFailsIsFrozen) {
  spool.configure(by_mx(server->address(), "25"));
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"a@null.z.example"}, .sender = ""});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " Frozen (delivery error message)\n"))
      << spool.log();
  EXPECT_TRUE(has(slurp(spool.file(id + "-H")), "\n-frozen "));
}

TEST_F(RunByMx, Q96_WithoutANameServerNobodyIsJudged) {
  spool.configure(by_mx("127.0.0.1@1", "25"));
  for (unsigned i = 0; i < 30; ++i)
    spool.put(TestSpool::id(i),
              {.recipients = {"a@d" + std::to_string(i) + ".z.example"}});
  auto before = spool.files();
  auto end = spool.run({"-q"});
  EXPECT_EQ(end.status, 75) << end.err;
  EXPECT_EQ(spool.files(), before);
  EXPECT_EQ(count_of(spool.log(), " == "), 0U) << spool.log();
  EXPECT_EQ(count_of(spool.log(), "No name server answers"), 1U) << spool.log();
}

TEST(RunPolicy, Q60_Q63_ARecipientThatIsPutOffWaitsForItsTime) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"one@x.example"}});
  {
    Sink sink(spool.path() / "dump", {"--defer-rcpt", "."});
    EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
    EXPECT_TRUE(has(spool.log(), id + " == one@x.example")) << spool.log();
  }
  Sink sink(spool.path() / "dump2");
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_TRUE(sink.messages().empty()) << spool.log();
  EXPECT_TRUE(has(spool.log(), "1 not due")) << spool.log();
  // The same recipient from somebody else is tried.
  spool.put(TestSpool::id(2),
            {.recipients = {"one@x.example"}, .sender = "t@x.example"});
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_EQ(sink.messages().size(), 1U) << spool.log();
  EXPECT_EQ(spool.run({"-qf", "--smarthost", sink.address()}).status, 0);
  EXPECT_EQ(sink.messages().size(), 2U);
}

TEST(RunPolicy, Q56_ADeadHostHoldsFreshMessagesBack) {
  TestSpool spool;
  spool.put(TestSpool::id(1), {});
  EXPECT_EQ(spool.run({"-q", "--smarthost", "127.0.0.1:1"}).status, 0);
  spool.put(TestSpool::id(2), {});
  EXPECT_EQ(spool.run({"-q", "--smarthost", "127.0.0.1:1"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), "[127.0.0.1] Connection refused"), 1U) << spool.log();
  EXPECT_TRUE(has(spool.log(), "2 not due")) << spool.log();
}

TEST(RunPolicy, Q54_WithoutARuleTheFirstDeferralIsTheLast) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  Sink sink(spool.path() / "dump", {"--defer-rcpt", "^one@"});
  spool.configure(R"(
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = remote
begin transports
remote:
  driver = smtp
  port = )" + sink.port() +
                  "\n");
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " ** one@x.example: retry timeout exceeded\n"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), " <= <> R=" + id)) << spool.log();
}

std::string ago(std::chrono::seconds span) {
  return std::to_string(::time(nullptr) - span.count());
}

TEST(RunPolicy, AMessageFrozenForTooLongIsGivenUp) {
  TestSpool spool;
  spool.configure("timeout_frozen_after = 10s\n");
  std::string id = TestSpool::id(1), bounce = TestSpool::id(2);
  std::string frozen = "-frozen " + ago(std::chrono::hours(1)) + "\n";
  spool.put(id, {.recipients = {"one@x.example", "two@x.example"}, .options = frozen});
  spool.put(bounce, {.options = frozen, .sender = ""});
  // Nobody is asked where they would go.
  auto end = spool.run({"-q", "--smarthost", "nobody.invalid"});
  EXPECT_EQ(end.status, 0) << end.err;
  std::string log = spool.log();
  EXPECT_TRUE(has(log, id + " cancelled by timeout_frozen_after\n")) << log;
  EXPECT_TRUE(has(log, id + " ** one@x.example")) << log;
  EXPECT_TRUE(has(log, id + " ** two@x.example")) << log;
  EXPECT_EQ(count_of(log, " <= <> R=" + id), 1U) << log;
  EXPECT_TRUE(has(log, id + " Completed\n")) << log;
  EXPECT_TRUE(has(log, bounce + " Completed\n")) << log;
  EXPECT_EQ(count_of(log, " <= <> R=" + bounce), 0U) << log;
  EXPECT_EQ(spool.files().size(), 3U) << "the one bounce";
}

TEST(RunPolicy, AFrozenMessageThawsWhenItsTimeHasCome) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure("auto_thaw = 30m\n");
  std::string id = TestSpool::id(1), fresh = TestSpool::id(2);
  spool.put(id, {.options = "-frozen " + ago(std::chrono::hours(1)) + "\n"});
  spool.put(fresh, {.options = "-frozen " + ago(std::chrono::minutes(1)) + "\n"});
  EXPECT_EQ(spool.run({"-q", "--smarthost", sink.address()}).status, 0);
  EXPECT_EQ(sink.messages().size(), 1U) << spool.log();
  EXPECT_TRUE(has(spool.log(), id + " Unfrozen by auto-thaw\n")) << spool.log();
  EXPECT_TRUE(has(spool.log(), id + " Completed\n")) << spool.log();
  EXPECT_EQ(spool.files().size(), 2U);
}

// A policy whose one transport goes to `sink`, with more lines of its own.
std::string to_sink(const Sink& sink, const std::string& transport_lines) {
  return R"(
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  headers_add = X-Router: $local_part
  transport = remote
begin transports
remote:
  driver = smtp
  port = )" +
         sink.port() + "\n" + transport_lines +
         "begin retry\n* * F,2h,15m; G,16h,1h,1.5; F,4d,6h\n";
}

TEST(RunPolicy, ATransportChangesHeadersAndSender) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure(to_sink(sink, R"(
  max_rcpt = 1
  headers_add = X-First: $domain
  headers_add = X-Second: ${if eq{$local_part}{one}{to one}fail}
  headers_remove = Message-Id
  return_path = ${if eq{$return_path}{s@x.example}{$local_part=$original_domain@srs.example}fail}
)"));
  spool.put(TestSpool::id(1), {.recipients = {"one@x.example", "two@y.example"}});
  spool.put(TestSpool::id(2), {.recipients = {"two@x.example"}, .sender = ""});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  auto messages = sink.messages();
  auto envelopes = sink.envelopes();
  ASSERT_EQ(messages.size(), 3U) << spool.log();
  std::string all, senders;
  for (const auto& text : messages) all += text;
  for (const auto& text : envelopes) senders += text;
  EXPECT_EQ(count_of(all, "Message-Id:"), 0U) << all;
  EXPECT_EQ(count_of(all, "X-First: x.example\n"), 2U) << all;
  EXPECT_EQ(count_of(all, "X-First: y.example\n"), 1U) << all;
  EXPECT_EQ(count_of(all, "X-Second: to one\n"), 1U) << all;
  EXPECT_EQ(count_of(all, "X-Router: two\n"), 2U) << all;
  EXPECT_EQ(count_of(senders, "mail one=x.example@srs.example\n"), 1U) << senders;
  EXPECT_EQ(count_of(senders, "mail two=y.example@srs.example\n"), 1U) << senders;
  EXPECT_EQ(count_of(senders, "mail \n"), 1U) << senders;
}

TEST(RunPolicy, AnAliasOfOneTimeLosesNobody) {
  // One that names itself, and one with what is no address.
  for (std::string_view members :
       {"list@x.example, two@x.example", "\"|/bin/cat\", two@x.example"}) {
    TestSpool spool;
    Sink sink(spool.path() / "dump", {"--defer-rcpt", "."});
    spill(spool.path() / "aliases", "list: " + std::string(members) + "\n");
    std::string policy = to_sink(sink, "");
    policy.insert(
        policy.find("all:"),
        "aliases:\n  driver = redirect\n  one_time\n  pipe_transport = program\n"
        "  data = ${lookup{$local_part}lsearch{" +
            (spool.path() / "aliases").string() + "}}\n");
    policy.insert(policy.find("remote:"),
                  "program:\n  driver = pipe\n  command = /bin/cat\n");
    spool.configure(policy);
    std::string id = TestSpool::id(1);
    spool.put(id, {.recipients = {"list@x.example"}});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
    std::string h = slurp(spool.file(id + "-H"));
    EXPECT_TRUE(has(h, "\nXX\n1\nlist@x.example\n")) << members << h;
  }
}

TEST(RunPolicy, WhoWasTriedIsNotTriedAgainInTheSameRun) {
  for (const char* how : {"-q", "-qf"}) {
    TestSpool spool;
    Sink sink(spool.path() / "dump",
              {"--defer-rcpt", "^one@", "--reject-rcpt", "^two@"});
    spool.configure(to_sink(sink, "  max_rcpt = 1\n"));
    std::string id = TestSpool::id(1);
    spool.put(id,
              {.recipients = {"one@x.example", "two@x.example", "three@x.example"}});
    EXPECT_EQ(spool.run({how}).status, 0);
    std::string log = spool.log();
    EXPECT_EQ(count_of(log, id + " == one@x.example"), 1U) << how;
    EXPECT_EQ(count_of(log, id + " ** two@x.example"), 1U) << how;
    EXPECT_EQ(count_of(log, id + " => three@x.example"), 1U) << how;
    EXPECT_EQ(count_of(log, " <= <> R=" + id), 1U) << how;
  }
}

TEST(RunPolicy, AffixesStayHereUnlessTheTransportWantsThem) {
  for (bool wanted : {false, true}) {
    TestSpool spool;
    Sink sink(spool.path() / "dump");
    std::string policy = to_sink(sink, wanted ? "  rcpt_include_affixes\n" : "");
    policy.insert(policy.find("  route_list"),
                  "  local_part_prefix = owner-\n  local_part_prefix_optional\n"
                  "  local_part_suffix = +*\n  local_part_suffix_optional\n");
    spool.configure(policy);
    spool.put(TestSpool::id(1), {.recipients = {"owner-One+Tag@x.example"}});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
    ASSERT_EQ(sink.envelopes().size(), 1U) << spool.log();
    EXPECT_TRUE(has(sink.envelopes()[0],
                    wanted ? "rcpt owner-One+Tag@x.example\n" : "rcpt One@x.example\n"))
        << sink.envelopes()[0];
    EXPECT_TRUE(has(spool.log(), "Completed")) << spool.log();
  }
}

TEST(RunPolicy, WhatATransportCannotExpandWaitsAndIsTold) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure(to_sink(
      sink, "  return_path = ${lookup{x}lsearch{/nowhere/at/all}{$value}{no}}\n"));
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(sink.messages().empty());
  EXPECT_TRUE(has(spool.log(), id + " == one@x.example")) << spool.log();
  EXPECT_TRUE(has(spool.log(), "failed to expand return_path of transport remote"))
      << spool.log();
  EXPECT_EQ(spool.files().size(), 3U) << spool.log();
}

TEST(RunPolicy, Q50_WhatNeedsEximIsLeftAsItIs) {
  TestSpool spool;
  spool.configure(R"(
begin routers
all:
  driver = accept
  transport = program
begin transports
program:
  driver = pipe
  command = /bin/cat
)");
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  std::string before = slurp(spool.file(id + "-H"));
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(slurp(spool.file(id + "-H")), before);
  EXPECT_TRUE(has(spool.log(), "1 left for Exim")) << spool.log();
  EXPECT_EQ(spool.files().size(), 2U);
}

TEST(RunPolicy, WhatATransportAsksForAndWeDoNotServeIsLeftForExim) {
  for (std::string_view line :
       {"hosts_require_dane = *", "message_size_limit = 10k", "serialize_hosts = *"}) {
    TestSpool spool;
    Sink sink(spool.path() / "dump");
    spool.configure(to_sink(sink, "  " + std::string(line) + "\n"));
    spool.put(TestSpool::id(1), {});
    std::string option(line.substr(0, line.find(' ')));
    std::string plan = spool.run({"--dry-run"}).out;
    EXPECT_TRUE(has(plan, "(left for Exim: option " + option + " of transport remote)"))
        << plan;
    EXPECT_EQ(spool.run({"-q"}).status, 0);
    EXPECT_TRUE(sink.messages().empty()) << line;
    EXPECT_TRUE(has(spool.log(), "1 left for Exim")) << line << spool.log();
  }
}

TEST(RunPolicy, ACopyBehindAnUnseenRouterIsMadeOnce) {
  TestSpool spool;
  std::string id = TestSpool::id(1);
  auto policy = [&](const Sink& sink) {
    std::string text = to_sink(sink, "");
    std::string copies = "copies:\n  driver = accept\n  unseen\n  transport = boxes\n";
    std::string boxes =
        "boxes:\n  driver = appendfile\n  maildir_format\n  directory = " +
        spool.path().string() + "/mail\n";
    text.insert(text.find("all:"), copies);
    text.insert(text.find("remote:"), boxes);
    return text;
  };
  auto in_box = [&] {
    return std::distance(fs::directory_iterator(spool.path() / "mail/new"), {});
  };
  spool.put(id, {});
  Sink sink(spool.path() / "dump", {"--reply", "rcpt=450 later"});
  spool.configure(policy(sink));
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(in_box(), 1) << spool.log();
  EXPECT_TRUE(has(slurp(spool.file(id + "-H")), " one@x.example/boxes\n"));
  EXPECT_EQ(spool.run({"-qf"}).status, 0);
  EXPECT_EQ(in_box(), 1) << "the copy again";
  EXPECT_TRUE(fs::exists(spool.file(id + "-H"))) << spool.log();
}

TEST(RunPolicy, AnAliasOfOneTimeIsReadOnce) {
  TestSpool spool;
  Sink sink(spool.path() / "dump", {"--defer-rcpt", "^two@"});
  spill(spool.path() / "aliases", "list: one@x.example, two@x.example\n");
  spool.configure(
      "\nbegin routers\naliases:\n  driver = redirect\n  one_time\n" +
      ("  data = ${lookup{$local_part}lsearch{" + (spool.path() / "aliases").string()) +
      "}}\n" + to_sink(sink, "").substr(std::string("\nbegin routers").size()));
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"other@x.example", "list@x.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  std::string h = slurp(spool.file(id + "-H"));
  EXPECT_TRUE(
      has(h, "\n3\nother@x.example\nlist@x.example\ntwo@x.example  0,0  0,1#3\n"))
      << h;
  // The list has other members now, and its old one was told that it waits.
  spill(spool.path() / "aliases", "list: three@x.example\n");
  Sink patient(spool.path() / "patient");
  EXPECT_EQ(spool.run({"-qff", "--smarthost", patient.address()}).status, 0);
  ASSERT_EQ(patient.envelopes().size(), 1U) << spool.log();
  EXPECT_TRUE(has(patient.envelopes()[0], "rcpt two@x.example\n"))
      << patient.envelopes()[0];
  EXPECT_EQ(count_of(patient.envelopes()[0], "rcpt "), 1U);
  EXPECT_TRUE(has(spool.log(), id + " Completed\n")) << spool.log();
}

TEST(RunPolicy, LocalTransportsWriteMaildirsAndSpools) {
  TestSpool spool;
  std::string root = spool.path().string();
  spool.configure(R"(
begin routers
aliases:
  driver = redirect
  data = ${if eq{$local_part}{all}{joe@x.example, archive@x.example, hole@x.example}}
hole:
  driver = redirect
  local_parts = hole
  data = :blackhole:
archive:
  driver = accept
  local_parts = archive
  transport = copies
boxes:
  driver = accept
  transport = boxes
begin transports
boxes:
  driver = appendfile
  directory = )" + root +
                  R"(/mail/$local_part
  maildir_format
  envelope_to_add
  return_path_add
copies:
  driver = queuefile
  directory = )" + root +
                  "/copies\n");
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"all@x.example"}});
  auto end = spool.run({"-q"});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_TRUE(spool.files().empty()) << spool.log();
  std::vector<std::string> mails;
  for (const auto& file : fs::directory_iterator(spool.path() / "mail/joe/new"))
    mails.push_back(slurp(file.path()));
  ASSERT_EQ(mails.size(), 1U) << spool.log();
  EXPECT_TRUE(
      mails[0].starts_with("Return-path: <s@x.example>\n"
                           "Envelope-to: all@x.example\nSubject: "))
      << mails[0];
  EXPECT_TRUE(mails[0].ends_with("\n\nbody\n"));
  EXPECT_EQ(slurp(spool.path() / "copies" / (id + "-D")), id + "-D\nbody\n");
  EXPECT_TRUE(fs::exists(spool.path() / "copies" / (id + "-H")));
  EXPECT_TRUE(
      has(spool.log(), id + " => joe@x.example <all@x.example> R=boxes T=boxes"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), id + " => :blackhole: <hole@x.example> R=hole\n"));
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 1U) << spool.log();
}

TEST(RunPolicy, Q10_AboveTheGreatestLoadTheRunEnds) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure("deliver_queue_load_max = 0.001\n");
  spool.put(TestSpool::id(1), {});
  auto loaded = [] {
    double load = 0;
    return ::getloadavg(&load, 1) == 1 && load > 0.01;
  };
  // While we look there is one, soon; some containers hide it.
  auto until = std::chrono::steady_clock::now() + support::Process::kDeadline;
  while (!loaded())
    if (std::chrono::steady_clock::now() > until) GTEST_SKIP() << "there is no load";
  auto end = spool.run({"-q", "--smarthost", sink.address()});
  EXPECT_EQ(end.status, 75) << end.err;
  EXPECT_TRUE(has(spool.log(), " Abandon queue run: pid=")) << spool.log();
  EXPECT_TRUE(has(spool.log(), ", max 0.00)\n")) << spool.log();
  EXPECT_TRUE(sink.messages().empty());
  EXPECT_EQ(spool.run({"-qf", "--smarthost", sink.address()}).status, 0);
  EXPECT_EQ(sink.messages().size(), 1U) << "forced";
}

// Everybody's mail goes to a maildir below mail/, by these rules.
std::string to_boxes(const TestSpool& spool, const std::string& options = "",
                     const std::string& rules = "F,2h,15m") {
  return R"(
begin routers
all:
  driver = accept
  transport = boxes
begin transports
boxes:
  driver = appendfile
  maildir_format
  directory = )" +
         spool.path().string() + "/mail/$local_part\n" + options + "begin retry\n* * " +
         rules + "\n";
}

std::string retry_times(const TestSpool& spool) {
  return support::run({.program = support::program("bobbin-retry"),
                       .args = {"-C", (spool.path() / "bobbin.conf").string()}})
      .out;
}

TEST(RunPolicy, Q61_ALocalDeliveryThatFailedWaitsForItsTime) {
  TestSpool spool;
  spool.configure(to_boxes(spool));
  spill(spool.path() / "mail", "a file");
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"Joe@X.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), id + " == Joe@x.example"), 1U) << spool.log();
  EXPECT_TRUE(has(retry_times(spool), "T:Joe@x.example")) << retry_times(spool);
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == "), 1U) << "it was tried before its time";
  EXPECT_TRUE(has(spool.log(), "1 not due")) << spool.log();
  EXPECT_EQ(spool.run({"-qf"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == "), 2U) << spool.log();
  EXPECT_EQ(spool.run({"-qff"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == "), 3U) << spool.log();
  // Whose message is new is tried once all the same, and does not tell the others.
  spool.put(TestSpool::id(2), {.recipients = {"Joe@X.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " == "), 4U) << spool.log();
  fs::remove(spool.path() / "mail");
  EXPECT_EQ(spool.run({"-qf"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 2U) << spool.log();
  EXPECT_FALSE(has(retry_times(spool), "T:")) << retry_times(spool);
}

TEST(RunPolicy, Q54_ALocalDeliveryThatFailedForTooLongIsBounced) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "", "F,30s,10s"));
  spill(spool.path() / "mail", "a file");
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " ** one@x.example: retry timeout exceeded\n"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), " <= <> R=" + id)) << spool.log();
}

// What lies in a maildir.
std::vector<std::string> mails_in(const fs::path& box) {
  std::vector<std::string> mails;
  if (!fs::exists(box / "new")) return mails;
  for (const auto& file : fs::directory_iterator(box / "new"))
    mails.push_back(slurp(file.path()));
  return mails;
}

TEST(RunPolicy, AMaildirIsWrittenAsItsOptionsSay) {
  struct Row {
    std::string options, mail;
  };
  const std::string id = TestSpool::id(1);
  const std::string head = "Subject: " + id + "\nMessage-Id: <" + id + "@x.example>\n",
                    body = "a\nb\n";
  const Row kRows[] = {
      {"", head + "\n" + body},
      {"headers_only\n", head + "\n"},
      {"body_only\nreturn_path_add\n", body},
      {"use_crlf\nbody_only\n", "a\r\nb\r\n"},
      {"use_crlf\nheaders_only\nheaders_remove = message-id\n",
       "Subject: " + id + "\r\n\r\n"},
      {"body_only\nuse_crlf\nmessage_prefix = \"<$local_part>\\n\"\n"
       "message_suffix = \"\\n\"\n",
       "<one>\na\r\nb\r\n\n"},
      {"return_path_add\nreturn_path = $return_path.$local_part\nheaders_only\n",
       "Return-path: <s@x.example.one>\n" + head + "\n"},
      {"headers_add = X: 1\nheaders_add = Y: 2\nheaders_only\n",
       head + "X: 1\nY: 2\n\n"},
      {"message_size_limit = 1K\n", head + "\n" + body},
  };
  for (const Row& row : kRows) {
    TestSpool spool;
    spool.configure(to_boxes(spool, row.options));
    spool.put(id, {.body = body});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
    EXPECT_EQ(mails_in(spool.path() / "mail/one"), std::vector{row.mail})
        << row.options << spool.log();
  }
}

TEST(RunPolicy, AMaildirHasTheModesThatItsOptionsSay) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "  mode = 0664\n  directory_mode = 02775\n"));
  spool.put(TestSpool::id(1), {});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  auto box = spool.path() / "mail/one";
  auto bits = [](const fs::path& path) {
    return static_cast<unsigned>(fs::status(path).permissions());
  };
  EXPECT_EQ(bits(box), 02775U);
  EXPECT_EQ(bits(box / "tmp"), 02775U);
  for (const auto& file : fs::directory_iterator(box / "new"))
    EXPECT_EQ(bits(file.path()), 0664U);
}

TEST(RunPolicy, AMessageThatIsTooBigForATransportIsBounced) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "  message_size_limit = ${if eq{1}{1}{1K}}\n"));
  std::string id = TestSpool::id(1);
  spool.put(id, {.body = std::string(1100, 'x') + "\n"});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), "message is too big (transport limit = 1024)"))
      << spool.log();
  EXPECT_TRUE(has(spool.log(), " <= <> R=" + id)) << spool.log();
  EXPECT_TRUE(mails_in(spool.path() / "mail/one").empty());
}

TEST(RunPolicy, ATransportSeesTheAddressAsItsRouterDid) {
  TestSpool spool;
  std::string root = spool.path().string();
  spool.configure(R"(
begin routers
staff:
  driver = accept
  local_part_prefix = real-
  local_part_prefix_optional
  local_parts = joe
  router_home_directory = )" +
                  root + R"(/home/$local_part
  transport = boxes
begin transports
boxes:
  driver = appendfile
  maildir_format
  directory = $home/$local_part_data/$original_local_part
begin retry
* * F,2h,15m
)");
  spool.put(TestSpool::id(1), {.recipients = {"Real-Joe@x.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(mails_in(spool.path() / "home/joe/joe/Real-Joe").size(), 1U) << spool.log();
}

TEST(RunPolicy, ATransportWithAnOptionThatIsNotServedIsLeftToExim) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "  quota = 10M\n"));
  spool.put(TestSpool::id(1), {});
  auto before = spool.files();
  auto plan = spool.run({"--dry-run"});
  EXPECT_TRUE(has(plan.out, "(left for Exim: option quota of transport boxes)"))
      << plan.out;
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), "1 left for Exim")) << spool.log();
  EXPECT_EQ(spool.files(), before);
}

TEST(RunPolicy, ASpoolFileOfSeveralPiecesIsCopiedAsItIs) {
  TestSpool spool;
  spool.configure(R"(
begin routers
all:
  driver = accept
  transport = copies
begin transports
copies:
  driver = queuefile
  directory = )" + spool.path().string() +
                  "/copies\n");
  std::string body;
  for (int i = 0; i < 30'000; ++i) body += "line " + std::to_string(i) + "\r\n";
  std::string id = TestSpool::id(1);
  spool.put(id, {.options = "-spool_file_wireformat\n", .body = body});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(slurp(spool.path() / "copies" / (id + "-D")) == id + "-D\n" + body)
      << spool.log();
  EXPECT_TRUE(
      has(slurp(spool.path() / "copies" / (id + "-H")), "-spool_file_wireformat"));
}

TEST(RunPolicy, ADomainOfOneMailboxWaitsAsOne) {
  TestSpool spool;
  spool.configure(to_boxes(spool, "  retry_use_local_part = false\n"));
  spill(spool.path() / "mail", "a file");
  for (unsigned i = 1; i < 3; ++i) {
    spool.put(TestSpool::id(i),
              {.recipients = {"u" + std::to_string(i) + "@x.example"}, .options = ""});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
  }
  EXPECT_EQ(count_of(spool.log(), " == "), 1U) << spool.log();
  EXPECT_TRUE(has(retry_times(spool), "T:x.example ")) << retry_times(spool);
}

TEST(RunPolicy, Q95_TheSecondRunSaysWhoIsAtWork) {
  TestSpool spool;
  for (unsigned i = 0; i < 30; ++i) spool.put(TestSpool::id(i), {});
  Sink sink(spool.path() / "dump", {"--delay-dot", "200"});
  support::Process first(
      spool.command({"-q", "--connections", "1", "--smarthost", sink.address()}));
  ASSERT_TRUE(spool.logged("Completed"));
  auto second = spool.run({"-q", "--smarthost", sink.address()});
  EXPECT_EQ(second.status, 0) << second.err;
  EXPECT_TRUE(has(second.out, "(pid " + std::to_string(first.pid()) + ")"))
      << second.out;
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait().status, 0);
}

TEST(RunPolicy, Q14_WhoFollowsDeliversWhatComesLater) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.put(TestSpool::id(1), {});
  support::Process run(
      spool.command({"-q", "--follow", "--smarthost", sink.address()}));
  EXPECT_TRUE(spool.logged(TestSpool::id(1) + " Completed\n")) << spool.log();
  spool.put(TestSpool::id(2), {});
  EXPECT_TRUE(spool.logged(TestSpool::id(2) + " Completed\n")) << spool.log();
  run.signal(SIGTERM);
  EXPECT_EQ(run.wait().status, 0);
  EXPECT_EQ(sink.messages().size(), 2U);
}

TEST(RunPolicy, Q95_ShardsPartTheQueue) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  for (unsigned i = 0; i < 40; ++i) spool.put(TestSpool::id(i), {});
  EXPECT_EQ(spool.run({"-q", "--shard", "1/2", "--smarthost", sink.address()}).status,
            0);
  std::size_t part = sink.messages().size();
  EXPECT_GT(part, 0U);
  EXPECT_LT(part, 40U);
  EXPECT_EQ(spool.run({"-q", "--shard", "2/2", "--smarthost", sink.address()}).status,
            0);
  EXPECT_EQ(sink.messages().size(), 40U);
}

TEST(RunPolicy, Q36_RunsSideBySideShareWhatAHostBears) {
  TestSpool spool;
  for (unsigned i = 0; i < 400; ++i) spool.put(TestSpool::id(i), {});
  Sink sink(spool.path() / "dump",
            {"--delay-dot", "30", "--count-file", spool.path() / "counts"});
  auto shard = [&](const char* part) {
    return spool.command({"-q", "--shard", part, "--smarthost", sink.address()});
  };
  // Each would open twenty.
  support::Process one(shard("1/4")), two(shard("2/4")), three(shard("3/4"));
  support::Process four(shard("4/4"));
  for (support::Process* run : {&one, &two, &three, &four})
    EXPECT_EQ(run->wait().status, 0);
  EXPECT_EQ(count_of(spool.log(), " Completed\n"), 400U) << spool.log();
  sink.stop();
  std::string counts = slurp(spool.path() / "counts");
  std::size_t at = counts.find("\"most_at_once\":");
  ASSERT_NE(at, counts.npos) << counts;
  EXPECT_LE(std::stoul(counts.substr(at + 15)), 20U) << counts;
}

}  // namespace
