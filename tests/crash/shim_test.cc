// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/fd.h"
#include "tests/crash/strike.h"
#include "tests/support/temp_dir.h"

namespace crash {
namespace {

namespace fs = std::filesystem;

using Tree = std::map<std::string, std::string>;  // name, content; directories "/"

Tree tree_of(const fs::path& root) {
  Tree tree;
  for (const auto& entry : fs::directory_iterator(root))
    tree[entry.path().filename()] =
        entry.is_directory() ? "/" : *base::read_file(entry.path());
  return tree;
}

class Shim : public testing::Test {
 protected:
  // The victim's end, and the tree it leaves in a directory that had `old`.
  support::Outcome strike(const Strike& strike) {
    root_ = temp_ / "root";
    fs::remove_all(root_);
    fs::create_directory(root_);
    std::ofstream(root_ / "old") << "old";
    return support::run(
        under_shim({BOBBIN_CRASH_VICTIM, {root_.string()}}, root_, strike, report()));
  }
  fs::path report() const { return temp_ / "report"; }
  Tree tree() const { return tree_of(root_); }

 private:
  support::TempDir temp_;
  fs::path root_;
};

const Tree kWhole = {{"safe", "safe"}, {"careless", "gone"}, {"room", "/"}};

TEST_F(Shim, CountsAndLetsLive) {
  auto outcome = strike({"before", 0});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "whole\n");
  EXPECT_EQ(calls(report()), 9U);
  EXPECT_EQ(struck(report()), std::nullopt);
  EXPECT_EQ(tree(), kWhole);
}

TEST_F(Shim, KillsBeforeInTheMiddleOfAndAfterTheCall) {
  struct Row {
    Strike strike;
    Tree left;
  };
  const Row rows[] = {
      {{"before", 1}, {{"old", "old"}}},
      {{"after", 1}, {{"old", "old"}, {"new", ""}}},
      {{"before", 2}, {{"old", "old"}, {"new", ""}}},
      {{"torn", 2}, {{"old", "old"}, {"new", "sa"}}},
      {{"after", 2}, {{"old", "old"}, {"new", "safe"}}},
      {{"before", 4}, {{"old", "old"}, {"new", "safe"}}},
      {{"after", 4}, {{"old", "old"}, {"safe", "safe"}}},
      {{"after", 8}, {{"safe", "safe"}, {"careless", "gone"}}},
      {{"after", 9}, kWhole},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(strike(row.strike).status, 128 + 9);
    EXPECT_EQ(tree(), row.left) << row.strike.how << ' ' << row.strike.at;
    EXPECT_TRUE(struck(report()).has_value());
  }
  EXPECT_EQ(strike({"before", 10}).status, 0);
}

TEST_F(Shim, ThePowerTakesWhatWasNotSynced) {
  struct Row {
    Strike strike;
    Tree left;
  };
  const Row rows[] = {
      {{"power", 3}, {{"old", "old"}}},                    // no name, no bytes
      {{"power", 4}, {{"old", "old"}, {"new", "safe"}}},   // synced, not renamed
      {{"power", 5}, {{"old", "old"}, {"new", "safe"}}},   // the rename is not safe yet
      {{"power", 6}, {{"old", "old"}, {"safe", "safe"}}},  // now it is
      {{"power", 9}, {{"old", "old"}, {"safe", "safe"}}},  // careless is gone, old back
  };
  for (const Row& row : rows) {
    EXPECT_EQ(strike(row.strike).status, 128 + 9);
    EXPECT_EQ(tree(), row.left) << row.strike.at;
  }
  // What may or may not have got to the disk: never less than the safe part.
  for (long at = 6; at <= 9; ++at) {
    EXPECT_EQ(strike({"scattered", at}).status, 128 + 9);
    EXPECT_EQ(tree()["safe"], "safe") << at;
  }
}

TEST_F(Shim, LetsACallFail) {
  auto outcome = strike({"ENOSPC", 2});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "something failed\n");
  EXPECT_EQ(tree()["safe"], "");
  EXPECT_EQ(strike({"EMFILE", 2}).out,
            "something failed\n");  // opens: new, ., careless
  EXPECT_EQ(struck(report()), "2 open .");
}

}  // namespace
}  // namespace crash
