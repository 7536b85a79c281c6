// SPDX-License-Identifier: Apache-2.0
//
// bobbin-run by a policy: routers and the DNS, what transports change, runs side by
// side.
#include <gtest/gtest.h>

#include "tests/e2e/run_support.h"
#include "tests/support/name_server.h"
#include "tests/support/peers.h"

namespace {

using run_tests::count_of;
using run_tests::has;
using run_tests::retry_times;
using run_tests::Sink;
using run_tests::slurp;
using run_tests::spill;
using run_tests::TestSpool;
using run_tests::to_sink;

namespace fs = std::filesystem;

const std::vector<support::Zone> kZones = {
    {"z.example",
     "one A 127.0.0.11\ntwo A 127.0.0.12\n"
     "first MX 10 one\nsecond MX 10 two\nboth MX 10 two\nboth MX 20 one\n"
     "twin A 127.0.0.11\ntwin A 127.0.0.12\ntwins MX 10 twin\n"
     "null MX 0 .\n"}};

// By MX, on a port of the test's; what a name server does not know is not waited for.
std::string by_mx(const std::string& servers, const std::string& port,
                  const std::string& transport_lines = "") {
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
         port + "\n" + transport_lines + R"(
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

// retry_include_ip_address (spec 5.1): one record for all addresses of a host, all of
// which an attempt still tries.
TEST_F(RunByMx, S5_1_WithoutTheAddressAHostHasOneRecord) {
  const std::string kKey = "T:twin.z.example:", kId = TestSpool::id(1);
  std::string port;
  {
    const std::vector<std::string> later{"--reply", "dot=451 4.7.1 later"};
    Sink one(spool.path() / "one", later, "127.0.0.11:0");
    Sink two(spool.path() / "two", later, "127.0.0.12:" + one.port());
    port = one.port();
    spool.configure(by_mx(server->address(), port, "  no_retry_include_ip_address\n"));
    spool.put(kId, {.recipients = {"a@twins.z.example"}});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
  }
  std::string log = spool.log(), times = retry_times(spool);
  EXPECT_EQ(count_of(log, "]: SMTP error"), 3U) << "each of them, and ==" << log;
  EXPECT_EQ(count_of(times, kKey + port + ":" + kId), 1U) << times;
  EXPECT_EQ(count_of(times, "T:"), 1U) << times;

  // Now neither is there.
  spool.put(TestSpool::id(2), {.recipients = {"a@twins.z.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(count_of(spool.log(), "] Connection refused\n"), 2U) << spool.log();
  EXPECT_EQ(count_of(retry_times(spool), "T:"), 2U) << retry_times(spool);
  EXPECT_TRUE(has(retry_times(spool), kKey + port + " ")) << retry_times(spool);

  // Of which the first may be gone, and the second have the mail: its record goes.
  // Exim's stays, until all who go there are bounced.
  Sink two(spool.path() / "late", {}, "127.0.0.12:" + port);
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), "2 not due")) << spool.log();
  EXPECT_EQ(spool.run({"-qf"}).status, 0);
  EXPECT_EQ(two.messages().size(), 2U) << spool.log();
  EXPECT_FALSE(has(retry_times(spool), kKey)) << retry_times(spool);
}

TEST_F(RunByMx, S5_1_WhatIsNoTruthValuePutsTheMailOff) {
  Sink one(spool.path() / "one", {}, "127.0.0.11:0");
  spool.configure(by_mx(server->address(), one.port(),
                        "  retry_include_ip_address = ${if eq{$host}{one.z.example} "
                        "{maybe}{no}}\n"));
  spool.put(TestSpool::id(1), {.recipients = {"a@first.z.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_TRUE(has(spool.log(), "\"maybe\" is not a valid value")) << spool.log();
  EXPECT_TRUE(one.messages().empty());
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

// What goes ahead of a selection may go nowhere: the others follow all the same.
TEST(RunPolicy, Q8_ASelectionEndsThoughNobodyKnowsTheWay) {
  TestSpool spool;
  spool.configure(by_mx("127.0.0.1@1", "25"));
  for (unsigned i = 0; i < 3; ++i)
    spool.put(TestSpool::id(i),
              {.recipients = {"a@x" + std::to_string(i) + ".z.example"}});
  support::Outcome end = spool.run({"-R", "z.example"});
  EXPECT_TRUE(end.status == 0 || end.status == 75) << end.status << end.err;
  EXPECT_TRUE(has(spool.log(), " End queue run: ")) << spool.log();
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
    // one_time forbids pipes and files; who sent it is told, and the other one waits.
    bool forbidden = members.contains("/bin/cat");
    EXPECT_TRUE(has(h, forbidden ? "\ntwo@x.example " : "\nXX\n1\nlist@x.example\n"))
        << members << h;
    EXPECT_EQ(has(spool.log(), "is forbidden by one_time"), forbidden) << spool.log();
  }
}

TEST(RunPolicy, LinesThatAreTooLongForATransportAreReturned) {
  struct Row {
    const char *options, *limit;
    bool sent;
  };
  for (const Row& row :
       {Row{"-max_received_linelength 998\n", "", true},
        Row{"-max_received_linelength 999\n", "", false},
        Row{"-max_received_linelength 999\n", "  message_linelength_limit = 2K\n",
            true},
        Row{"-max_received_linelength 999\n", "  message_linelength_limit = 0\n", true},
        Row{"", "", true}}) {
    TestSpool spool;
    Sink sink(spool.path() / "dump");
    spool.configure(to_sink(sink, row.limit));
    spool.put(TestSpool::id(1), {.options = row.options});
    EXPECT_EQ(spool.run({"-q"}).status, 0);
    std::string line = " ** one@x.example R=all T=remote : message has lines too long";
    EXPECT_EQ(has(spool.log(), line), !row.sent) << spool.log();
    EXPECT_EQ(has(spool.log(), " => one@x.example"), row.sent) << spool.log();
  }
}

TEST(RunPolicy, MessageLogsAreKeptWholeOnRequest) {
  TestSpool spool;
  Sink picky(spool.path() / "1", {"--defer-rcpt", "^two@"}), all(spool.path() / "2");
  spool.configure("preserve_message_logs\n");
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"one@x.example", "two@x.example"}});
  EXPECT_EQ(spool.run({"-q", "--smarthost", picky.address()}).status, 0);
  EXPECT_EQ(spool.run({"-qf", "--smarthost", all.address()}).status, 0);
  EXPECT_TRUE(has(spool.log(), id + " Completed\n")) << spool.log();
  EXPECT_EQ(spool.files(), std::vector<std::string>{id});
  std::string kept = slurp(spool.path() / "spool/msglog.OLD" / id);
  EXPECT_TRUE(has(kept, " one@x.example: remote_smtp transport succeeded\n")) << kept;
  EXPECT_TRUE(has(kept, " two@x.example R=smarthost T=remote_smtp defer (-44)"))
      << kept;
  EXPECT_TRUE(has(kept, " two@x.example: remote_smtp transport succeeded\n")) << kept;
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

// "one: one, ann" is not over when one has his copy.
TEST(RunPolicy, Q64_WhoIsOneOfHisOwnAliasesLosesNobodyAndGetsItOnce) {
  TestSpool spool;
  Sink sink(spool.path() / "dump", {"--by-local-part"});
  std::string policy = to_sink(sink, "");
  policy.insert(policy.find("all:"),
                "aliases:\n  driver = redirect\n  local_parts = one\n"
                "  data = one@x.example, code-451@x.example\n");
  spool.configure(policy);
  std::string id = TestSpool::id(1);
  spool.put(id, {});
  for (const char* how : {"-q", "-qf"}) {
    EXPECT_EQ(spool.run({how}).status, 0);
    EXPECT_EQ(spool.files().size(), 3U) << spool.log();
    EXPECT_TRUE(has(slurp(spool.file(id + "-H")), "NN one@x.example/remote\n"));
  }
  EXPECT_EQ(sink.messages().size(), 1U);
  EXPECT_EQ(count_of(spool.log(), id + " => one@x.example"), 1U) << spool.log();
  EXPECT_EQ(count_of(spool.log(), id + " == code-451@x.example"), 2U) << spool.log();
}

TEST(RunPolicy, Q28_AMessageInSeveralPartsTravelsOnOneConnection) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure(to_sink(sink, "  max_rcpt = 1\n"));
  spool.put(TestSpool::id(1),
            {.recipients = {"a@x.example", "b@x.example", "c@x.example"}});
  EXPECT_EQ(spool.run({"-q"}).status, 0);
  EXPECT_EQ(sink.messages().size(), 3U);
  EXPECT_TRUE(has(spool.log(), " 1 connections in ")) << spool.log();
}

// A bounce says whom the sender wrote to, and no more.
TEST(RunPolicy, AHiddenChildIsNotInTheReport) {
  TestSpool spool;
  spool.configure(
      "begin routers\naliases:\n  driver = redirect\n  hide_child_in_errmsg\n"
      "  local_parts = one\n  data = secret@x.example\n"
      "fails:\n  driver = redirect\n  allow_fail\n  data = :fail: gone\n"
      "begin retry\n* * F,1h,5m\n");
  spool.put(TestSpool::id(1), {});
  EXPECT_EQ(spool.run({"-q", TestSpool::id(1), TestSpool::id(1)}).status, 0);
  std::string report;
  for (const auto& file : fs::directory_iterator(spool.path() / "spool/input"))
    report += slurp(file.path());
  EXPECT_TRUE(has(report, "Final-Recipient: rfc822; one@x.example\n")) << report;
  EXPECT_FALSE(has(report, "secret")) << report;
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

TEST(RunPolicy, ASmarthostNeedsNothingOfAConfigurationThatAReceiverShares) {
  TestSpool spool;
  Sink sink(spool.path() / "dump");
  spool.configure(
      "acl_smtp_rcpt = rcpt\n"
      "begin acl\nrcpt:\n  accept\n"
      "begin routers\nnone:\n  driver = accept\n  transport = box\n"
      "begin transports\nbox:\n  driver = appendfile\n  directory = /nowhere\n"
      "  maildir_format\n");
  spool.put(TestSpool::id(1), {});
  auto end = spool.run({"-q", "--smarthost", sink.address()});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_EQ(sink.messages().size(), 1U);
}

TEST(RunPolicy, ADryRunTellsWhyMailGoesNowhere) {
  TestSpool spool;
  spool.configure(
      "begin routers\n"
      "wrong:\n  driver = redirect\n  domains = wrong.example\n"
      "  allow_fail\n  data = :fail: nobody there\n"
      "later:\n  driver = redirect\n  domains = later.example\n"
      "  allow_defer\n  data = :defer: come back\n"
      "hole:\n  driver = redirect\n  data = :blackhole:\n");
  std::string id = TestSpool::id(1);
  spool.put(id, {.recipients = {"a@wrong.example", "b@later.example", "c@x.example",
                                "d@wrong.example"}});
  std::string plan = spool.run({"--dry-run"}).out;
  EXPECT_TRUE(has(plan, "       1 ")) << plan;
  EXPECT_TRUE(has(plan, "  (fails: nobody there)\n")) << plan;
  EXPECT_TRUE(has(plan, "  (put off: come back)\n")) << plan;
  EXPECT_TRUE(has(plan, "  (discarded)\n")) << plan;
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
