// SPDX-License-Identifier: Apache-2.0
//
// bobbin-check against what real Exims say of damaged files: every row of
// fixtures/spool-malformed/VERDICTS.tsv, columns 4.96 and 4.99.1.
//
// Where we are stricter than an Exim, by exim-spool.md section 16:
//   statement 5   a first line that is not the file's own name to the last byte is
//                 damage; 4.97 and later compare 18 bytes only
// (Statement 18, too many recipients, agrees with Exim: it cannot read them back.)
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/fd.h"
#include "tests/support/cases.h"
#include "tests/utils/small_spool.h"

namespace {

namespace fs = std::filesystem;
using utils_test::SmallSpool;

std::vector<std::string> fields(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string field; std::getline(in, field, '\t');) out.push_back(field);
  return out;
}

// A copy of the case, old enough not to count as work in progress.  A set that went
// through something without symbolic links has the target's name as the file's text.
void copy_case(const fs::path& from, const SmallSpool& to) {
  for (const auto& item : fs::recursive_directory_iterator(from)) {
    auto name = fs::relative(item.path(), from);
    if (item.is_directory()) continue;
    if (item.is_symlink()) {
      fs::copy_symlink(item.path(), to / name);
      continue;
    }
    std::string text = base::read_file(item.path()).value();
    bool was_link = !text.empty() && text.size() < 256 && !text.contains('/') &&
                    !text.contains('\n') && !text.contains('\0') &&
                    fs::exists(item.path().parent_path() / text);
    if (was_link)
      fs::create_symlink(text, to / name);
    else
      to.put(name, text);
  }
}

// The value of a key in a line of JSON that has it as a string.
std::string value_of(const std::string& json, const std::string& key) {
  std::string mark = "\"" + key + "\":\"";
  auto at = json.find(mark);
  if (at == json.npos) return {};
  at += mark.size();
  return json.substr(at, json.find('"', at) - at);
}

// The verdict on the message: the line of its -H, or of its -D for verdict data.
std::string verdict_on(const std::string& output, const std::string& id) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);)
    if (value_of(line, "id") == id && (value_of(line, "file").ends_with(id + "-H") ||
                                       value_of(line, "verdict") == "data"))
      return value_of(line, "verdict");
  return "(none)";
}

bool first_line_is_name(const fs::path& spool, const std::string& id) {
  for (const auto& item : fs::recursive_directory_iterator(spool)) {
    if (item.path().filename() != id + "-H") continue;
    std::ifstream in(item.path());
    std::string line;
    std::getline(in, line);
    return line == id + "-H";
  }
  return false;
}

TEST(CheckVerdictsData, Checklist15And19_AreThoseOfRealExims) {
  REQUIRE_CASES(set, "fixtures/spool-malformed");
  support::CaseCount count("fixtures/spool-malformed");
  std::ifstream table(set / "VERDICTS.tsv");
  std::string line;
  ASSERT_TRUE(std::getline(table, line));
  std::map<std::string, std::size_t> column;
  for (const std::string& name : fields(line)) column.emplace(name, column.size());
  ASSERT_TRUE(column.contains("case") && column.contains("id"));

  while (std::getline(table, line)) {
    auto row = fields(line);
    ASSERT_GT(row.size(), column["id"]) << line;
    const std::string& id = row[column["id"]];
    SCOPED_TRACE(line);
    SmallSpool spool;
    copy_case(set / row[column["case"]], spool);
    auto run = spool.run("check", {"--json"});
    EXPECT_EQ(run.err, "");
    std::string ours = verdict_on(run.out, id);
    count.ran(ours);
    if (ours != "ok") {
      EXPECT_EQ(run.status, 1);
    }

    for (const char* release : {"4.96", "4.99.1"}) {
      if (!column.contains(release)) continue;
      const std::string& theirs = row.at(column[release]);
      bool too_long = id.size() == 23 && std::string_view(release) == "4.96";
      if (theirs == "NOT-LISTED" && too_long) continue;  // ids of 4.97
      bool readable = ours != "envelope" && ours != "headers" && ours != "(none)";
      if (theirs == "OK" && !first_line_is_name(spool.path(), id)) {
        EXPECT_EQ(ours, "envelope") << "statement 5";
        count.ran("stricter than " + std::string(release));
      } else if (theirs == "OK") {
        EXPECT_TRUE(readable) << release << " reads it, we say " << ours;
      } else if (theirs == "FORMAT-ERROR headers") {
        EXPECT_EQ(ours, "headers") << release;
      } else {
        // FORMAT-ERROR envelope, READ-ERROR, and what ends an Exim's whole listing.
        EXPECT_EQ(ours, "envelope") << release << " says " << theirs;
      }
    }
  }
  EXPECT_GT(count.total(), 0U);
}

// Every message that a real Exim wrote is sound, whichever release it was.
TEST(CheckVerdictsData, Checklist20_EximsOwnFilesAreSound) {
  auto sets = support::find_case_sets("fixtures", "spool-exim-");
  if (sets.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  for (const auto& set : sets) {
    support::CaseCount count(set.filename());
    for (const auto& item : fs::recursive_directory_iterator(set)) {
      if (!item.is_directory() || item.path().filename() != "spool") continue;
      if (!fs::exists(item.path() / "input")) continue;
      SmallSpool spool;
      copy_case(item.path(), spool);
      auto run = spool.run("check", {"--json"});
      std::istringstream lines(run.out);
      for (std::string line; std::getline(lines, line);) {
        if (!value_of(line, "file").ends_with("-H")) continue;
        EXPECT_EQ(value_of(line, "verdict"), "ok") << item.path() << "\n" << line;
        count.ran(value_of(line, "verdict"));
      }
    }
  }
}

}  // namespace
