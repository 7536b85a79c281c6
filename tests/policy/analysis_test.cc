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
