// SPDX-License-Identifier: Apache-2.0
#include "policy/analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "policy/programs.h"
#include "tests/policy/policy_cases.h"

using testing::HasSubstr;
using testing::IsEmpty;

namespace {

std::string errors(const policy::Loaded& loaded) {
  return loaded.source.format(loaded.diagnostics.errors, "error",
                              loaded.diagnostics.more_errors);
}
std::string warnings(const policy::Loaded& loaded) {
  return loaded.source.format(loaded.diagnostics.warnings, "warning");
}

}  // namespace

TEST(Analysis, JudgesConditionsByThePhasesThatReachThem) {
  auto everywhere =
      cases::load("acl_smtp_connect = a\nbegin acl\na:\n  accept senders = a@b\n");
  EXPECT_THAT(
      errors(everywhere),
      HasSubstr("'senders' cannot be used in the connect ACL (acl_smtp_connect)"));

  auto somewhere = cases::load(
      "acl_smtp_connect = a\nacl_smtp_mail = a\nbegin acl\na:\n"
      "  accept senders = a@b\n");
  EXPECT_TRUE(somewhere.policy) << errors(somewhere);
  EXPECT_THAT(warnings(somewhere), HasSubstr("cannot be used in the connect ACL"));

  auto nowhere = cases::load("begin acl\na:\n  accept senders = a@b\n");
  EXPECT_TRUE(nowhere.policy);
}

TEST(Analysis, FollowsCallsToTheirPhases) {
  auto loaded = cases::load(
      "acl_smtp_connect = ${if eq{1}{2}{a}{b}}\nbegin acl\n"
      "a:\n  accept acl = c\n"
      "b:\n  accept\n"
      "c:\n  accept senders = a@b\n");
  EXPECT_THAT(errors(loaded), HasSubstr("policy.conf:8:"));
}

TEST(Analysis, NamesTheCirclesOfListsAndAcls) {
  auto lists = cases::load(
      "hostlist a = 192.0.2.1 : !+b\nhostlist b = <; +c ; +d\nhostlist c = +a\n"
      "hostlist d = 192.0.2.1\n");
  EXPECT_THAT(errors(lists),
              HasSubstr("hostlist 'a' contains itself: a -> b -> c -> a"));
  auto acls = cases::load(
      "acl_smtp_rcpt = a\nbegin acl\na:\n accept acl = b\nb:\n accept acl = a\n");
  EXPECT_TRUE(acls.policy) << errors(acls);
  EXPECT_THAT(warnings(acls), HasSubstr("ACL 'a' calls itself: a -> b -> a"));
}

TEST(Analysis, NamesAclVariablesThatAreOnlySetOrOnlyRead) {
  auto loaded = cases::load(
      "acl_smtp_rcpt = a\nbegin acl\na:\n warn set acl_m_set = 1\n"
      " warn logwrite = $acl_m_read\n"
      " warn set acl_m_both = 1\n"
      " warn condition = ${if def:acl_m_both}\n logwrite = $acl_m_both\n accept\n");
  std::string said = warnings(loaded);
  EXPECT_THAT(said, HasSubstr("'acl_m_set' is set, but never read"));
  EXPECT_THAT(said, HasSubstr("'acl_m_read' is read, but never set"));
  EXPECT_EQ(said.find("acl_m_both'"), said.npos) << said;
}

TEST(Analysis, LetsOnlyOwnDataBeListsOfTheirOwn) {
  auto said = [](const std::string& set, const std::string& list) {
    auto loaded =
        cases::load("acl_smtp_rcpt = a\nbegin acl\na:\n warn set acl_m_l = " + set +
                    "\n accept domains = " + list + "\n");
    EXPECT_TRUE(loaded.policy) << errors(loaded);
    return warnings(loaded);
  };
  EXPECT_THAT(said("a.test : b.test", "$acl_m_l"),
              testing::Not(HasSubstr("taken as one item")));
  EXPECT_THAT(said("$sender_helo_name", "$acl_m_l"), HasSubstr("taken as one item"));
  EXPECT_THAT(said("$sender_helo_name", "${lc:$acl_m_l}"),
              HasSubstr("taken as one item"));
}

TEST(Loading, TellsAHundredErrorsAndTheNumberOfTheOthers) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "nosuch_option_at_all = 1\n";
  auto begin = std::chrono::steady_clock::now();
  auto loaded = cases::load(text);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  EXPECT_EQ(loaded.diagnostics.errors.size(), 100U);
  EXPECT_THAT(errors(loaded), HasSubstr("\nand 99900 more errors\n"));
}

TEST(Loading, EndsSoonForHostileFiles) {
  std::string macros;
  for (int i = 0; i < 900; ++i) macros += "M" + std::to_string(1000 + i) + "X = 1\n";
  const std::size_t size = std::size_t{10} << 20;
  std::string lines;
  while (lines.size() < size) lines += "x\n";
  std::string listed = "domainlist d = ";
  while (listed.size() < size) listed += "+d : ";
  for (const std::string& text :
       {std::string(size, 'x'), lines, macros + std::string(size, 'M'),
        "smtp_banner = " + std::string(size, '{'), listed,
        "begin retry\n" + std::string(size, ';'),
        "begin routers\n" + std::string(size, ':')}) {
    auto begin = std::chrono::steady_clock::now();
    auto loaded = cases::load(text);
    EXPECT_FALSE(loaded.policy) << text.substr(0, 30);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60))
        << text.substr(0, 30);
  }
}

TEST(Loading, ComplainsOnlyOfWhatTheProgramEvaluates) {
  std::string text = "acl_smtp_connect = a\nbegin acl\na:\n  accept senders = a@b\n";
  auto load_for = [&](std::string_view program) {
    return policy::load_policy("policy.conf", text, *policy::Macros::create({}, {}),
                               policy::read_included, *policy::find_program(program));
  };
  EXPECT_FALSE(load_for("receive").policy);
  EXPECT_TRUE(load_for("run").policy);
}

// Where the DNS may have to be asked, so that only those ACLs run on a thread of their
// own.
TEST(Waiting, KnowsWhichPhasesMayAskTheDns) {
  using policy::Phase;
  struct Row {
    std::string_view policy;
    std::vector<Phase> waiting;
  };
  const Row rows[] = {
      {"acl_smtp_rcpt = accept hosts = 192.0.2.0/24 : @[] : net-lsearch;/x\n", {}},
      {"acl_smtp_rcpt = accept domains = a.test : *.b.test : lsearch;/etc/x\n", {}},
      {"acl_smtp_rcpt = deny condition = ${if eq{$sender_fullhost}{x}}\n", {}},
      {"acl_smtp_rcpt = deny ratelimit = 10/1h/strict\n", {}},
      {"acl_smtp_rcpt = accept hosts = *.example.net\n", {Phase::rcpt}},
      {"acl_smtp_rcpt = accept hosts = $acl_m_friends\n", {Phase::rcpt}},
      {"acl_smtp_mail = deny condition = ${if eq{$sender_host_name}{}}\n",
       {Phase::mail}},
      {"acl_smtp_connect = deny dnslists = bl.test\n", {Phase::connect}},
      {"acl_smtp_data = warn logwrite = ${lookup dnsdb{a=x.test}}\n", {Phase::data}},
      {"acl_smtp_helo = require verify = helo\n", {Phase::helo}},
      {"hostlist named = *.example.net\nhostlist all = 192.0.2.1 : +named\n"
       "acl_smtp_connect = accept hosts = 192.0.2.2\nacl_smtp_mail = a\n"
       "acl_smtp_rcpt = accept acl = a\nbegin acl\na:\n accept hosts = +all\n",
       {Phase::mail, Phase::rcpt}},
      {"helo_verify_hosts = *.example.net\nacl_smtp_rcpt = accept\n", {Phase::other}},
      // Verifying waits if routing does.
      {"acl_smtp_rcpt = require verify = recipient\nbegin routers\n"
       "r:\n driver = accept\n verify_only\n",
       {}},
      {"acl_smtp_rcpt = require verify = recipient\nbegin routers\n"
       "r:\n driver = manualroute\n route_list = * 192.0.2.1::26\n transport = t\n"
       "begin transports\nt:\n driver = smtp\n",
       {}},
      {"acl_smtp_rcpt = require verify = recipient\nbegin routers\n"
       "r:\n driver = dnslookup\n transport = t\nbegin transports\n"
       "t:\n driver = smtp\n",
       {Phase::rcpt}},
      {"acl_smtp_rcpt = require verify = recipient\nbegin routers\n"
       "r:\n driver = accept\n verify_only\n condition = ${lookup dnsdb{a=x.test}}\n",
       {Phase::rcpt, Phase::router}},
  };
  for (const Row& row : rows) {
    auto loaded = cases::load(std::string(row.policy));
    ASSERT_TRUE(loaded.policy) << row.policy << errors(loaded);
    std::vector<Phase> waiting;
    for (std::size_t i = 0; i < policy::kPhases; ++i)
      if (may_wait(*loaded.policy, Phase(i))) waiting.push_back(Phase(i));
    EXPECT_THAT(waiting, testing::UnorderedElementsAreArray(row.waiting)) << row.policy;
  }
}

TEST(Loading, ServesRequiretlsOnlyWhereItIsHonoured) {
  auto load = [](const std::string& text) {
    return policy::load_policy("policy.conf",
                               text + "acl_smtp_rcpt = warn control = requiretls\n",
                               *policy::Macros::create({}, {}), policy::read_included,
                               *policy::find_program("receive"));
  };
  EXPECT_TRUE(load("requiretls_consumer = yes\n").policy);
  EXPECT_THAT(errors(load("requiretls_consumer = no\n")),
              HasSubstr("receive has no requiretls"));
  EXPECT_FALSE(load("").policy);
}

TEST(Loading, LetsAReceiverVerifyAskAndLimit) {
  auto loaded = policy::load_policy(
      "policy.conf",
      "hosts_proxy = 192.0.2.1\nacl_smtp_rcpt = a\nbegin acl\na:\n"
      " deny dnslists = bl.test\n deny ratelimit = 5/1h\n"
      " require verify = recipient\n require verify = reverse_host_lookup\n"
      " accept encrypted = *\n accept authenticated = *\n",
      *policy::Macros::create({}, {}), policy::read_included,
      *policy::find_program("receive"));
  EXPECT_TRUE(loaded.policy) << errors(loaded);
  auto callout = policy::load_policy(
      "policy.conf", "acl_smtp_rcpt = require verify = recipient/callout\n",
      *policy::Macros::create({}, {}), policy::read_included,
      *policy::find_program("receive"));
  EXPECT_THAT(errors(callout), HasSubstr("receive has no callout"));
}
