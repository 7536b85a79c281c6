// SPDX-License-Identifier: Apache-2.0
//
// Cases of the modes bt (routing), brt (retry rules) and be (expansions), as
// conformance/policy/README.md has them; expansions here are those of named lists and
// macros.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "policy/expression.h"
#include "policy/scripted_context.h"
#include "tests/policy/policy_cases.h"
#include "tests/support/cases.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

// A case's folder, copied and with its own place written into its files.
class Case {
 public:
  explicit Case(const fs::path& original) : folder_(dir_.path() / original.filename()) {
    fs::copy(original, folder_, fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (entry.is_regular_file())
        cases::spill(entry.path(), cases::replaced(cases::slurp(entry.path()),
                                                   {{"@CASE@", folder_.string()}}));
    loaded_ = cases::load_case(folder_);
  }
  const policy::Policy& policy() const { return *loaded_.policy; }
  std::string errors() const {
    return loaded_.source.format(loaded_.diagnostics.errors, "error");
  }
  bool loads() const { return loaded_.policy != nullptr; }
  Strings asked() const { return cases::lines_of(folder_ / "dialogue.txt", 'C'); }
  Strings expected(char letter) const {
    return cases::lines_of(folder_ / "expected.txt", letter);
  }

 private:
  support::TempDir dir_;
  fs::path folder_;
  policy::Loaded loaded_;
};

std::vector<fs::path> cases_of_mode(const fs::path& set, std::string_view mode) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(set / "cases"))
    if (cases::slurp(entry.path() / "dialogue.txt")
            .starts_with("mode " + std::string(mode) + "\n"))
      found.push_back(entry.path());
  return found;
}

// "ADDRESS [DOMAIN] [ERROR]", as -brt takes it.
policy::RetryQuestion question_of(const Strings& words) {
  policy::RetryQuestion question;
  question.address = words.at(0);
  for (std::size_t i = 1; i < words.size(); ++i)
    if (auto error = policy::parse_retry_error(words[i])) question.error = *error;
  return question;
}

// Exim shows "*" for the errors with a code.
std::string without_error(const std::string& rule) {
  Strings words;
  for (const std::string& word : cases::split(rule, ' '))
    if (!word.empty()) words.push_back(word);
  std::string out = words.at(0);
  for (std::size_t i = 2; i < words.size(); ++i) out += " " + words[i];
  return out;
}

}  // namespace

TEST(PolicyConfData, AddressesGoWhereEximSendsThem) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/cases (bt)");
  for (const fs::path& path : cases_of_mode(set, "bt")) {
    Case one(path);
    ASSERT_TRUE(one.loads()) << path << one.errors();
    Strings got;
    for (const std::string& address : one.asked()) {
      policy::ScriptedContext context;
      auto routed =
          policy::route(one.policy(), address, policy::RoutePurpose::test, context);
      for (std::string& line : policy::describe_routes(one.policy(), routed))
        got.push_back(std::move(line));
      count.ran("addresses");
    }
    EXPECT_THAT(got, testing::ElementsAreArray(one.expected('T'))) << path;
  }
}

TEST(PolicyConfData, RetryRulesAreThoseOfExim) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/cases (brt)");
  for (const fs::path& path : cases_of_mode(set, "brt")) {
    Case one(path);
    ASSERT_TRUE(one.loads()) << path << one.errors();
    Strings asked = one.asked(), expected = one.expected('R');
    ASSERT_EQ(asked.size(), expected.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      policy::ScriptedContext context;
      Strings words = cases::split(asked[i], ' ');
      const auto* rule =
          policy::find_retry_rule(one.policy(), question_of(words), context);
      std::string got =
          rule ? "Retry rule: " + policy::format_retry_rule(*rule) : "No retry";
      std::string prefix = "Retry rule: ";
      if (got.starts_with(prefix) && expected[i].starts_with(prefix))
        EXPECT_EQ(without_error(got.substr(prefix.size())),
                  without_error(expected[i].substr(prefix.size())))
            << path << ": " << asked[i];
      else
        EXPECT_EQ(got, expected[i]) << path << ": " << asked[i];
      count.ran("questions");
    }
  }
}

TEST(PolicyConfData, ExpansionsComeToWhatEximSays) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/cases (be)");
  for (const fs::path& path : cases_of_mode(set, "be")) {
    Case one(path);
    ASSERT_TRUE(one.loads()) << path << one.errors();
    Strings asked = one.asked(), expected = one.expected('E');
    ASSERT_EQ(asked.size(), expected.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      policy::ScriptedContext context;
      policy::Evaluation evaluation{.policy = one.policy(), .context = context};
      policy::Diagnostics diagnostics;
      auto parsed = policy::parse_expression(one.policy(), asked[i],
                                             policy::Program::any(), diagnostics);
      ASSERT_TRUE(diagnostics.errors.empty())
          << asked[i] << ": " << diagnostics.errors[0].text;
      auto value = policy::expand(parsed, evaluation);
      ASSERT_TRUE(value) << asked[i] << value.error().text;
      EXPECT_EQ(*value, expected[i]) << path << ": " << asked[i];
      count.ran("expressions");
    }
  }
}
