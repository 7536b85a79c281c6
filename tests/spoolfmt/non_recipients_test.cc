// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/non_recipients.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace spoolfmt {
namespace {

std::string written(const NonRecipients& tree) {
  std::string out;
  for (const auto& node : tree.nodes)
    out += std::string(node.has_left ? "Y" : "N") + (node.right ? "Y" : "N") + " " +
           node.name + "\n";
  return out;
}

// Heights from the pre-order; fails the test if two subtrees differ by more than one.
int height(const NonRecipients& tree, std::size_t at) {
  const auto& node = tree.nodes[at];
  int left = node.has_left ? height(tree, at + 1) : 0;
  int right = node.right ? height(tree, node.right) : 0;
  EXPECT_LE(std::abs(left - right), 1) << node.name;
  return 1 + std::max(left, right);
}

TEST(NonRecipients, Spool24_InsertsAsEximDoes) {
  // Fixture c01: seven recipients delivered in this order gave this tree.
  NonRecipients tree;
  tree.insert({"mike@ok.example", "alpha@ok.example", "zulu@ok.example",
               "bravo@ok.example", "Yankee@ok.example", "delta@ok.example",
               "Kilo@ok.example"});
  EXPECT_EQ(written(tree),
            "YY bravo@ok.example\nYY Yankee@ok.example\nNN Kilo@ok.example\n"
            "NN alpha@ok.example\nYY mike@ok.example\nNN delta@ok.example\n"
            "NN zulu@ok.example\n");
}

TEST(NonRecipients, Spool24_OneByOneAndAllAtOnceAreTheSame) {
  std::mt19937 random(7);  // NOLINT: a fixed seed repeats the failure
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("u" + std::to_string(random() % 1000));
  NonRecipients all;
  all.insert(names);
  NonRecipients one;
  for (const auto& name : names) one.insert(name);
  EXPECT_EQ(written(one), written(all));
  EXPECT_EQ(all.nodes.size(), std::set<std::string>(names.begin(), names.end()).size());
  height(all, 0);
  for (const auto& name : names) EXPECT_TRUE(all.found_by_exim(name));
  EXPECT_FALSE(all.contains("nobody"));
}

TEST(NonRecipients, Spool17_AMisplacedNameIsMissedByEximAndFoundByUs) {
  // m66: bob stands to the right of carol.
  NonRecipients tree;
  tree.nodes = {{"carol", false, 1}, {"bob", false, 0}};
  EXPECT_FALSE(tree.found_by_exim("bob"));
  EXPECT_TRUE(tree.contains("bob"));
}

TEST(NonRecipients, Spool17_AChainOfAnyLengthIsTakenWithoutRecursion) {
  NonRecipients tree;
  constexpr unsigned kLength = 100'000;
  for (unsigned i = 0; i < kLength; ++i)
    tree.nodes.push_back(
        {"u" + std::to_string(1'000'000 + i), false, i + 1 < kLength ? i + 1 : 0});
  EXPECT_TRUE(tree.found_by_exim("u1099999"));
  tree.insert("v");
  EXPECT_EQ(tree.nodes.size(), kLength + 1U);
}

}  // namespace
}  // namespace spoolfmt
