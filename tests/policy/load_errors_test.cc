// SPDX-License-Identifier: Apache-2.0
//
// The case sets of the policy language, as far as loading goes (formats:
// conformance/policy/README.md): policies that must not load, and where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <regex>

#include "base/text.h"
#include "policy/programs.h"
#include "tests/policy/policy_cases.h"
#include "tests/support/cases.h"

namespace {

namespace fs = std::filesystem;

// All that is said about one line of policy.conf, lower-case.
std::string said_of(const policy::Loaded& loaded, unsigned long line) {
  std::string said;
  for (const auto& error : loaded.diagnostics.errors)
    if (error.origin.file == 0 && error.origin.line == line)
      said += loaded.source.format(error, "error") + "\n";
  return base::lower(said);
}

std::string all_of(const policy::Loaded& loaded) {
  return loaded.source.format(loaded.diagnostics.errors, "error");
}

// Rows that are not as the set wants them, and why.
const std::map<std::string, std::string> kWaived{};

}  // namespace

// policy.md D5: what a program would refuse when it starts is refused by the checker.
TEST(LoadErrors, LogSelectorsAreChecked) {
  for (auto [selectors, complaint] :
       std::map<std::string, std::string>{{"+alll", "did you mean 'all'?"},
                                          {"+subjct", "did you mean 'subject'?"},
                                          {"all", "starts with neither + nor -"}}) {
    auto loaded = cases::load("log_selector = " + selectors + "\n");
    EXPECT_FALSE(loaded.policy) << selectors;
    EXPECT_THAT(said_of(loaded, 1), testing::HasSubstr(complaint));
  }
  EXPECT_TRUE(cases::load("log_selector = +all -subject\n").policy);
}

TEST(LoadErrorsData, EveryWrongPolicyIsRefusedAtItsLine) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/load-errors.tsv");
  auto rows = cases::split(cases::slurp(set / "load-errors.tsv"), '\n');
  for (std::size_t i = 1; i < rows.size(); ++i) {
    auto columns = cases::split(rows[i], '\t');
    ASSERT_GE(columns.size(), 4U) << rows[i];
    if (kWaived.contains(columns[0])) {
      count.ran("waived");
      continue;
    }
    auto loaded = cases::load(cases::decoded(columns[1]));
    ASSERT_FALSE(loaded.policy) << columns[0] << " loads";
    std::string said = said_of(loaded, std::stoul(columns[2]));
    for (const std::string& word : cases::split(columns[3], ' '))
      EXPECT_THAT(said, testing::HasSubstr(base::lower(word)))
          << columns[0] << ": " << all_of(loaded);
    count.ran("judged");
  }
}

TEST(PolicyConfData, ConfigurationErrorsAreWhereEximFindsThem) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/cases (conf)");
  static const std::regex place("in line (\\d+) of");
  for (const auto& entry : fs::directory_iterator(set / "cases")) {
    if (!cases::slurp(entry.path() / "dialogue.txt").starts_with("mode conf")) continue;
    std::string expected = cases::slurp(entry.path() / "expected.txt");
    auto loaded = cases::load_case(entry.path());
    if (!expected.starts_with("X ")) {
      EXPECT_TRUE(loaded.policy) << entry.path() << all_of(loaded);
      count.ran("sound");
      continue;
    }
    ASSERT_FALSE(loaded.policy) << entry.path() << " loads";
    std::smatch match;
    if (std::regex_search(expected, match, place))
      EXPECT_FALSE(said_of(loaded, std::stoul(match.str(1))).empty())
          << entry.path() << ": " << all_of(loaded);
    else  // Exim names no line: we always do
      EXPECT_GT(loaded.diagnostics.errors.at(0).origin.line, 0U) << entry.path();
    count.ran("judged");
  }
}

// Whatever the other cases ask, their policies are sound.
TEST(PolicyConfData, EverySoundPolicyLoads) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/cases (loaded)");
  for (const auto& entry : fs::directory_iterator(set / "cases")) {
    if (cases::slurp(entry.path() / "dialogue.txt").starts_with("mode conf")) continue;
    auto loaded = cases::load_case(entry.path());
    std::string dialect = cases::slurp(entry.path() / "dialect.txt");
    if (dialect.find("refused as a whole") != dialect.npos) {
      EXPECT_FALSE(loaded.policy) << entry.path();
      count.ran("refused");
      continue;
    }
    EXPECT_TRUE(loaded.policy) << entry.path() << ": " << all_of(loaded);
    count.ran("loaded");
  }
  auto base = cases::load(
      cases::replaced(cases::slurp(set / "base.conf"),
                      {{"@SPOOL@", "/tmp"}, {"@DATA@", (set / "data").string()}}));
  EXPECT_TRUE(base.policy) << all_of(base);
}
