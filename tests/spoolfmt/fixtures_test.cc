// SPDX-License-Identifier: Apache-2.0
//
// Every -H file that a real Exim wrote, of six releases: read, written back, compared.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/fd.h"
#include "base/text.h"
#include "spoolfmt/d_file.h"
#include "spoolfmt/h_file.h"
#include "spoolfmt/journal.h"
#include "tests/support/cases.h"

namespace spoolfmt {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of_all_spools(std::string_view suffix) {
  std::vector<fs::path> files;
  for (const auto& set : support::find_case_sets("fixtures", "spool-exim-"))
    for (const auto& entry : fs::recursive_directory_iterator(set)) {
      std::string name = entry.path().filename().string();
      bool of_a_message = name.ends_with(suffix) &&
                          MessageId::parse(name.substr(0, name.size() - suffix.size()));
      if (entry.is_regular_file() && of_a_message) files.push_back(entry.path());
    }
  return files;
}

TEST(FixturesData, Spool19_20_EveryHFileIsWrittenBackByteForByte) {
  auto files = files_of_all_spools("-H");
  if (files.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  support::CaseCount count("fixtures/spool-exim-*");
  for (const auto& path : files) {
    auto text = base::read_file(path);
    ASSERT_TRUE(text) << path;
    auto file = parse_h_file(*text, path.filename().string());
    ASSERT_TRUE(file) << path << ": " << file.error().text;
    EXPECT_EQ(format_h_file(*file), *text) << path;
    EXPECT_TRUE(check_writable(*file)) << path;
    count.ran(file->id.is_long() ? "long ids" : "old ids");
  }
}

TEST(FixturesData, Spool20_BorrowedAndOwnedFormsWriteTheSame) {
  auto files = files_of_all_spools("-H");
  if (files.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  for (const auto& path : files) {
    auto text = base::read_file(path);
    ASSERT_TRUE(text);
    ParsedH parsed;
    read_h_file(*text, path.filename().string(), parsed);
    EXPECT_EQ(format_h_file(parsed.file), *text) << path;
  }
}

TEST(FixturesData, Spool24_TreesComeOutAsEximInsertsThem) {
  auto files = files_of_all_spools("-H");
  if (files.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  for (const auto& path : files) {
    auto text = base::read_file(path);
    ASSERT_TRUE(text);
    auto file = parse_h_file(*text, path.filename().string());
    ASSERT_TRUE(file) << path;
    // What is in the tree and in the list is found by both questions; nothing else is.
    for (const auto& node : file->delivered.nodes) {
      EXPECT_TRUE(file->delivered.found_by_exim(node.name)) << path << ' ' << node.name;
      EXPECT_TRUE(file->delivered.contains(node.name));
    }
    // A name already there changes nothing.
    if (!file->delivered.empty()) {
      auto again = *file;
      again.mark_delivered({file->delivered.nodes.back().name});
      EXPECT_EQ(format_h_file(again), *text) << path;
    }
  }
}

TEST(FixturesData, Spool27_BodyCountsEqualTheOptions) {
  auto files = files_of_all_spools("-H");
  if (files.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  support::CaseCount count("fixtures/spool-exim-*");
  for (const auto& path : files) {
    auto text = base::read_file(path);
    ASSERT_TRUE(text);
    auto file = parse_h_file(*text, path.filename().string());
    ASSERT_TRUE(file);
    auto d_path = path.parent_path() / (file->id.str() + "-D");
    auto d = base::read_file(d_path);
    if (!d) continue;  // -J and -H of a message that was cut short on purpose
    ASSERT_TRUE(d_first_line_matches(*d, file->id)) << d_path;
    if (file->wire_format()) {
      count.ran("wire format");
      continue;
    }
    BodyCounts counts;
    // Pieces of any size count the same.
    std::string_view body = std::string_view(*d).substr(file->id.first_line_length());
    for (std::size_t i = 0; i < body.size(); i += 7) counts.add(body.substr(i, 7));
    const Option* lines = file->find("body_linecount");
    ASSERT_NE(lines, nullptr) << path;
    EXPECT_EQ(lines->value, std::to_string(counts.lines)) << path;
    const Option* zeros = file->find("body_zerocount");
    EXPECT_EQ(zeros ? zeros->value : "0", std::to_string(counts.zeros)) << path;
    count.ran("normal format");
  }
}

TEST(FixturesData, Spool1_EveryIdIsRecognisedAndGivesItsSecond) {
  auto files = files_of_all_spools("-H");
  if (files.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  for (const auto& path : files) {
    auto text = base::read_file(path);
    auto file = parse_h_file(*text, path.filename().string());
    ASSERT_TRUE(file);
    // The id's clock and line 4's may differ by a tick around a full second.
    EXPECT_NEAR(static_cast<double>(file->id.time().time_since_epoch().count()),
                static_cast<double>(file->received), 1.0)
        << path;
  }
}

TEST(FixturesData, Spool36_JournalsHoldUniqueFormsOfRecipients) {
  auto files = files_of_all_spools("-J");
  if (files.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  for (const auto& path : files) {
    auto text = base::read_file(path);
    ASSERT_TRUE(text);
    std::vector<std::string> names;
    for (std::string_view name : parse_journal(*text)) {
      names.emplace_back(name);
      EXPECT_EQ(unique_form(name), name) << path;
    }
    EXPECT_EQ(format_journal(names), *text) << path;
  }
}

}  // namespace
}  // namespace spoolfmt
