// SPDX-License-Identifier: Apache-2.0
//
// The case sets of the policy language, as far as lines, macros and main options go
// (formats: conformance/policy/README.md).  A wrong line is judged if nothing before it
// belongs to a part of the language that this version refuses as a whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>

#include "base/fd.h"
#include "base/text.h"
#include "policy/main_options.h"
#include "policy/option_value.h"
#include "tests/support/cases.h"

namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

// "@{hh}" is a byte.
std::string decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "@{") == 0 && i + 4 < text.size() && text[i + 4] == '}') {
      out += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
      i += 4;
    } else {
      out += text[i];
    }
  }
  return out;
}

policy::Lines lines_of(const std::string& text) {
  return policy::parse_lines(
      "policy.conf", text, *policy::Macros::create({}, {}),
      [](const fs::path& path) { return base::read_file(path); });
}

// A named list, an ACL option or a section known but not read yet comes before line
// `line`, or is it.
bool out_of_reach(const std::string& policy, unsigned long line) {
  static const std::regex refused(
      "\\s*(begin\\s+(acl|routers|transports|retry|authenticators)\\b"
      "|(domain|host|address|localpart)list\\b|acl_smtp_).*");
  auto lines = split(policy, '\n');
  for (std::size_t i = 0; i < lines.size() && i < line; ++i)
    if (std::regex_match(lines[i], refused)) return true;
  return false;
}

// All that is said about one line of policy.conf.
std::string said_of(const std::string& errors, unsigned long line) {
  std::string said;
  for (const std::string& error : split(errors, '\n'))
    if (error.starts_with("policy.conf:" + std::to_string(line) + ": "))
      said += error + "\n";
  return said;
}

// The value of the named list `name`, as Exim's ${listnamed:} shows it.
std::string list_named(const policy::Lines& lines, const std::string& name) {
  std::string start = "domainlist " + name + " =";
  for (const auto& line : lines.lines) {
    if (!line.bytes().starts_with(start)) continue;
    std::string value = policy::parse_option_line(
                            line.bytes().substr(std::string("domainlist ").size()))
                            .value()
                            .value.value();
    char separator = ':';
    if (value.starts_with('<')) {
      separator = value.at(1);
      value.erase(0, 2);
    }
    std::string shown;
    for (const std::string& item : split(value, separator)) {
      std::string trimmed(policy::trimmed(item));
      if (trimmed.empty()) continue;
      shown += (shown.empty() ? "" : " : ") + replace_all(trimmed, ":", "::");
    }
    return shown;
  }
  return "(none)";
}

}  // namespace

TEST(PolicyData, EveryWrongPolicyIsRefusedAtItsLine) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/load-errors.tsv");
  auto rows = split(slurp(set / "load-errors.tsv"), '\n');
  for (std::size_t i = 1; i < rows.size(); ++i) {
    auto columns = split(rows[i], '\t');
    ASSERT_GE(columns.size(), 4U) << rows[i];
    std::string policy = decoded(columns[1]);
    unsigned long line = std::stoul(columns[2]);
    auto options = policy::parse_main_options(lines_of(policy));
    ASSERT_FALSE(options) << columns[0];
    if (out_of_reach(policy, line)) {
      count.ran("refused as a whole");
      continue;
    }
    std::string said = base::lower(said_of(options.error().text, line));
    for (const std::string& word : split(columns[3], ' '))
      EXPECT_THAT(said, testing::HasSubstr(base::lower(word)))
          << columns[0] << ": " << options.error().text;
    count.ran("judged");
  }
}

TEST(PolicyData, ConfigurationErrorsAreWhereEximFindsThem) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/cases (conf)");
  static const std::regex place("in line (\\d+) of");
  for (const auto& entry : fs::directory_iterator(set / "cases")) {
    if (!slurp(entry.path() / "dialogue.txt").starts_with("mode conf")) continue;
    std::string expected = slurp(entry.path() / "expected.txt");
    std::smatch match;
    if (!std::regex_search(expected, match, place)) continue;
    unsigned long line = std::stoul(match.str(1));
    std::string policy = slurp(entry.path() / "policy.conf");
    if (out_of_reach(policy, line)) continue;
    auto options = policy::parse_main_options(lines_of(policy));
    ASSERT_FALSE(options) << entry.path();
    EXPECT_FALSE(said_of(options.error().text, line).empty())
        << entry.path() << ": " << options.error().text;
    count.ran("judged");
  }
}

TEST(PolicyData, NamedListsReadAsEximReadsThem) {
  REQUIRE_CASES(set, "conformance/policy");
  support::CaseCount count("policy/cases (listnamed)");
  static const std::regex question(R"(C \$\{listnamed:(\w+)\})");
  for (const auto& entry : fs::directory_iterator(set / "cases")) {
    std::string dialogue = slurp(entry.path() / "dialogue.txt");
    if (!dialogue.starts_with("mode be")) continue;
    auto questions = split(dialogue, '\n');
    std::erase_if(questions, [](auto& line) { return !line.starts_with("C "); });
    auto answers = split(slurp(entry.path() / "expected.txt"), '\n');
    ASSERT_GE(answers.size(), questions.size());
    auto lines = lines_of(replace_all(slurp(entry.path() / "policy.conf"), "@CASE@",
                                      entry.path().string()));
    EXPECT_TRUE(lines.errors.empty());
    for (std::size_t i = 0; i < questions.size(); ++i) {
      std::smatch match;
      if (!std::regex_match(questions[i], match, question)) continue;
      EXPECT_EQ("E " + list_named(lines, match.str(1)), answers[i]) << entry.path();
      count.ran("judged");
    }
  }
}
