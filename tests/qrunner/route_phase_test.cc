// SPDX-License-Identifier: Apache-2.0
#include "qrunner/route_phase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "policy/programs.h"
#include "spoolfmt/h_file.h"
#include "tests/support/name_server.h"
#include "tests/support/peers.h"

namespace {

using qrunner::Destination;
using qrunner::Plan;
using Kind = Destination::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<support::Zone> kZones = {
    {"z.example",
     "mx1 A 203.0.113.1\nmx1 AAAA 2001:db8::1\nmx2 A 203.0.113.2\nmx3 A 203.0.113.3\n"
     "self A 127.0.0.1\nlonely A 203.0.113.9\n"
     "two MX 20 mx2\ntwo MX 10 mx1\n"
     "also MX 10 mx1\nalso MX 20 mx2\n"
     "equal MX 10 mx2\nequal MX 10 mx3\nequal MX 20 mx1\n"
     "null MX 0 .\n"
     "ghost MX 10 nobody\nghost MX 20 nobody-either\n"
     "half MX 10 nobody\nhalf MX 20 mx3\n"
     "here MX 10 self\nhere MX 20 mx1\n"
     "behind MX 10 mx1\nbehind MX 20 self\nbehind MX 30 mx2\n"}};

constexpr const char* kPolicy = R"(
primary_hostname = here.example
begin routers
aliases:
  driver = redirect
  domains = alias.z.example
  allow_fail
  allow_defer
  data = ${if eq{$local_part}{self}{self@alias.z.example, a@two.z.example}{${if \
         eq{$local_part}{list}{a@two.z.example, b@equal.z.example}{${if \
         eq{$local_part}{hole}{:blackhole:}{${if eq{$local_part}{pipe}{|/bin/cat}{\
         ${if eq{$local_part}{no}{:fail: nobody here}{:defer: come again}}}}}}}}}}
  pipe_transport = to_program
self:
  driver = manualroute
  domains = alias.z.example
  local_parts = self
  route_list = * 203.0.113.7
  transport = remote
by_hand:
  driver = manualroute
  domains = hand.z.example : group.z.example : missing.z.example : mxlist.z.example : six.z.example
  route_list = hand.z.example mx1.z.example::2525 ; \
    group.z.example "<; mx1.z.example ; mx2.z.example ; + ; mx3.z.example" randomize ; \
    missing.z.example nobody.z.example ; mxlist.z.example two.z.example/MX ; six.z.example "<; [2001:db8::7]:26"
  host_find_failed = ${FIND_FAILED}
  transport = remote
by_dns:
  driver = dnslookup
  domains = ! maildir.z.example : ! prog.z.example
  transport = remote
  no_more
local:
  driver = accept
  domains = maildir.z.example
  transport = boxes
other:
  driver = accept
  transport = to_program
begin transports
remote:
  driver = smtp
boxes:
  driver = appendfile
  directory = /nowhere/${quote_local_part:$local_part}
  maildir_format
to_program:
  driver = pipe
  command = /bin/cat
begin retry
* * F,1h,5m
)";

class Routes : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (support::find_program("knotd")) server = new support::NameServer(kZones);
  }
  static void TearDownTestSuite() {
    delete server;
    server = nullptr;
  }
  static support::NameServer* server;

  void SetUp() override {
    REQUIRE_PROGRAM("knotd");
    load("freeze");
  }

  void load(const std::string& find_failed) {
    std::string text = kPolicy;
    std::string_view hole = "${FIND_FAILED}";
    text.replace(text.find(hole), hole.size(), find_failed);
    policy::PolicyFile file{"run.conf", text};
    auto loaded =
        policy::load_policy(file, base::CommonOptions(), *policy::find_program("run"));
    ASSERT_TRUE(loaded);
    ASSERT_TRUE(loaded->policy)
        << loaded->source.format(loaded->diagnostics.errors.front(), "error");
    policy = loaded->policy;
    net::Resolver::Options options;
    options.forwarders = {server->address()};
    options.validate = false;
    options.hosts_file.clear();
    resolver = *net::Resolver::create(options);
    names.emplace(*resolver);
    retries.emplace(*policy, *names, files, clock, hints, false);
    sites.emplace();
    routes.emplace(*policy, *names, files, *retries, *sites, clock);
  }

  Plan plan(std::vector<std::string> recipients, std::vector<std::string> done = {}) {
    spoolfmt::HFile file;
    file.id = *spoolfmt::MessageId::parse("1xUYvJ-0004Zg-2C");
    file.sender = "sender@here.example";
    file.received = ::time(nullptr);
    for (std::string& each : recipients) file.recipients.push_back({std::move(each)});
    file.mark_delivered(done);
    spoolfmt::Queued queued;
    queued.h.file = spoolfmt::view_of(file);
    Plan made = routes->plan(queued, "/nowhere");
    for (asked = 0; !made.wanted.empty(); made = routes->plan(queued, "/nowhere"))
      for (const auto& question : made.wanted) {
        ++asked;
        names->learn_now(question);
      }
    return made;
  }

  Destination only(const std::string& recipient) {
    Plan made = plan({recipient});
    EXPECT_EQ(made.destinations.size(), 1U);
    return made.destinations.empty() ? Destination() : made.destinations.front();
  }

  std::vector<std::string> hosts(const Destination& destination) {
    std::vector<std::string> texts;
    if (destination.site == qrunner::kDesk) texts = {destination.routed.message};
    for (const auto& host : sites->at(destination.site).hosts)
      texts.push_back(std::to_string(host.rank) + " " + host.name +
                      (host.port ? ":" + std::to_string(host.port) : ""));
    return texts;
  }

  std::shared_ptr<const policy::Policy> policy;
  std::unique_ptr<net::Resolver> resolver;
  base::SystemClock clock;
  policy::LookupFiles files;
  hints::Store hints = hints::Store::in_memory();
  std::optional<qrunner::Names> names;
  std::optional<qrunner::RetryBook> retries;
  std::optional<qrunner::Sites> sites;
  std::optional<qrunner::RoutePhase> routes;
  int asked = 0;
};
support::NameServer* Routes::server = nullptr;

TEST_F(Routes, Q42_MxHostsStandInTheOrderOfTheirPreferences) {
  EXPECT_THAT(hosts(only("x@two.z.example")),
              ElementsAre("0 mx1.z.example", "1 mx2.z.example"));
  EXPECT_THAT(hosts(only("x@equal.z.example")),
              ElementsAre("0 mx2.z.example", "0 mx3.z.example", "1 mx1.z.example"));
}

TEST_F(Routes, Q19_DomainsWithTheSameHostsAreOneSite) {
  EXPECT_EQ(only("x@two.z.example").site, only("y@also.z.example").site);
  EXPECT_NE(only("x@two.z.example").site, only("y@equal.z.example").site);
}

TEST_F(Routes, Q43_WithoutMxTheAddressOfTheDomainServes) {
  EXPECT_THAT(hosts(only("x@lonely.z.example")), ElementsAre("0 lonely.z.example"));
  Destination nobody = only("x@nobody.z.example");
  EXPECT_EQ(nobody.kind, Kind::fail);
  EXPECT_EQ(nobody.routed.message, "Unrouteable address");
}

TEST_F(Routes, Q44_NullMxFailsWithItsOwnStatus) {
  Destination null = only("x@null.z.example");
  EXPECT_EQ(null.kind, Kind::fail);
  EXPECT_EQ(null.status, "5.1.10");
}

TEST_F(Routes, Q45_ThisHostAsTheBestMxIsForSelfAndWorseOnesAreCutOff) {
  Destination here = only("x@here.z.example");
  EXPECT_EQ(here.kind, Kind::defer);
  EXPECT_TRUE(here.routed.freeze);
  EXPECT_THAT(hosts(only("x@behind.z.example")), ElementsAre("0 mx1.z.example"));
}

TEST_F(Routes, Q46_MxHostsWithoutAddressesFail) {
  Destination ghost = only("x@ghost.z.example");
  EXPECT_EQ(ghost.kind, Kind::fail);
  EXPECT_THAT(ghost.routed.message, HasSubstr("non-existent hosts"));
  EXPECT_THAT(hosts(only("x@half.z.example")), ElementsAre("0 mx3.z.example"));
}

TEST_F(Routes, Q46_ANameServerThatFailsMakesThemWait) {
  Destination outside = only("x@elsewhere.example");  // refused: no zone of its
  EXPECT_EQ(outside.kind, Kind::defer);
  EXPECT_EQ(outside.number, -36);
}

TEST_F(Routes, Q47_ANameIsAskedForOnce) {
  plan({"a@two.z.example", "b@two.z.example", "c@also.z.example"});
  EXPECT_GT(asked, 0);
  plan({"d@two.z.example"});
  EXPECT_EQ(asked, 0);
}

TEST_F(Routes, Q48_ADomainThatWaitsCausesNoQuestion) {
  hints::RetryRecord record;
  record.first = record.last = clock.now() - std::chrono::minutes(1);
  record.next = clock.now() + std::chrono::minutes(4);
  hints.remember("R:two.z.example", record);
  Destination waiting = only("x@two.z.example");
  EXPECT_EQ(waiting.kind, Kind::waits);
  EXPECT_EQ(asked, 0);
}

TEST_F(Routes, Q49_ManualRoutesHaveTheirPortsAndGroups) {
  EXPECT_THAT(hosts(only("x@hand.z.example")), ElementsAre("0 mx1.z.example:2525"));
  EXPECT_THAT(hosts(only("x@group.z.example")),
              ElementsAre("0 mx1.z.example", "0 mx2.z.example", "1 mx3.z.example"));
  EXPECT_THAT(hosts(only("x@mxlist.z.example")),
              ElementsAre("0 mx1.z.example", "1 mx2.z.example"));
  EXPECT_THAT(hosts(only("x@six.z.example")), ElementsAre("0 2001:db8::7:26"));
}

TEST_F(Routes, HostsThatAreNotFoundAreForHostFindFailed) {
  Destination frozen = only("x@missing.z.example");
  EXPECT_EQ(frozen.kind, Kind::defer);
  EXPECT_TRUE(frozen.routed.freeze);
  load("fail");
  EXPECT_EQ(only("x@missing.z.example").kind, Kind::fail);
  load("defer");
  EXPECT_FALSE(only("x@missing.z.example").routed.freeze);
}

TEST_F(Routes, Q50_WhatOnlyEximCanDoIsLeftToIt) {
  EXPECT_EQ(only("x@prog.z.example").kind, Kind::foreign);
  EXPECT_EQ(only("pipe@alias.z.example").kind, Kind::foreign);
  EXPECT_TRUE(plan({"x@prog.z.example"}).sites().empty());
}

TEST_F(Routes, RedirectionFansOutAndRemembersWhoIsDone) {
  Plan both = plan({"list@alias.z.example"});
  ASSERT_EQ(both.destinations.size(), 2U);
  EXPECT_EQ(both.sites().size(), 2U);
  Plan rest = plan({"list@alias.z.example"}, {"a@two.z.example"});
  EXPECT_EQ(rest.destinations[0].kind, Kind::done);
  EXPECT_EQ(rest.destinations[1].kind, Kind::send);
  Plan none = plan({"list@alias.z.example"}, {"a@two.z.example", "b@equal.z.example"});
  EXPECT_THAT(none.sites(), ElementsAre(qrunner::kDesk));
}

// The name of the one alone is that of both: "joe: joe, ann" is not over with joe.
TEST_F(Routes, Q72_WhoIsOneOfHisOwnChildrenIsNotDoneBeforeTheOthers) {
  Plan made = plan({"self@alias.z.example"});
  ASSERT_EQ(made.destinations.size(), 2U);
  EXPECT_EQ(made.destinations[0].unique, "self@alias.z.example");
  EXPECT_EQ(made.destinations[0].key, "self@alias.z.example/remote");
  EXPECT_EQ(made.destinations[1].key, "a@two.z.example");
  // As Exim writes it.
  Plan rest = plan({"self@alias.z.example"}, {"self@alias.z.example/remote"});
  EXPECT_EQ(rest.destinations[0].kind, Kind::done);
  EXPECT_EQ(rest.destinations[1].kind, Kind::send);
}

TEST_F(Routes, SpecialWordsOfRedirectionNeedNoConnection) {
  EXPECT_EQ(only("hole@alias.z.example").kind, Kind::discard);
  Destination no = only("no@alias.z.example");
  EXPECT_EQ(no.kind, Kind::fail);
  EXPECT_EQ(no.routed.message, "nobody here");
  EXPECT_EQ(only("later@alias.z.example").kind, Kind::defer);
  EXPECT_THAT(plan({"hole@alias.z.example", "no@alias.z.example"}).sites(),
              ElementsAre(qrunner::kDesk));
}

TEST_F(Routes, MaildirsAreSitesOfThisMachine) {
  Destination box = only("joe@maildir.z.example");
  EXPECT_EQ(sites->at(box.site).kind, qrunner::Site::Kind::local);
}

TEST_F(Routes, AMaildirThatFailedWaitsForItsTime) {
  hints::RetryRecord record;
  record.first = record.last = clock.now() - std::chrono::minutes(1);
  record.next = clock.now() + std::chrono::minutes(4);
  hints.remember("T:joe@maildir.z.example", record);
  Plan made = plan({"joe@maildir.z.example", "ann@maildir.z.example"});
  ASSERT_EQ(made.destinations.size(), 2U);
  EXPECT_EQ(made.destinations[0].kind, Kind::waits);
  EXPECT_EQ(made.destinations[1].kind, Kind::send);
}

}  // namespace
