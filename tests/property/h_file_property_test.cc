// SPDX-License-Identifier: Apache-2.0
//
// Claims about all -H files, tried on the fixtures cut and bent, and on random ones.
// The seed is fixed: a failure comes back.
#include <gtest/gtest.h>

#include <random>

#include "base/fd.h"
#include "spoolfmt/h_file.h"
#include "tests/support/cases.h"
#include "tests/support/same_h_file.h"

namespace spoolfmt {
namespace {

namespace fs = std::filesystem;

struct Fixture {
  std::string leaf, text;
};

std::vector<Fixture> fixtures() {
  std::vector<Fixture> all;
  for (const auto& set : support::find_case_sets("fixtures", "spool-exim-"))
    for (const auto& entry : fs::recursive_directory_iterator(set)) {
      std::string leaf = entry.path().filename();
      if (!entry.is_regular_file() || !leaf.ends_with("-H")) continue;
      all.push_back({leaf, base::read_file(entry.path()).value()});
    }
  return all;
}

// In a block of exactly its size, so that a byte too far is seen.
void read(std::string_view text, const std::string& leaf, ParsedH& parsed) {
  auto block = std::make_unique<char[]>(text.size());
  std::copy(text.begin(), text.end(), block.get());
  read_h_file({block.get(), text.size()}, leaf, parsed);
  EXPECT_EQ(parsed.damage == Damage::none, parsed.line == 0);
  EXPECT_EQ(parsed.damage == Damage::none, parsed.what.empty());
}

TEST(PropertyData, EveryPrefixIsReadOrDamaged) {
  auto files = fixtures();
  if (files.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  support::CaseCount count("fixtures/spool-exim-*");
  ParsedH parsed;
  for (const auto& [leaf, text] : files) {
    // Long files are headers for the most part: all of the envelope, and steps.
    std::size_t step = 1;
    for (std::size_t size = 0; size < text.size(); size += step) {
      if (size > 4096) step = 1 + text.size() / 512;
      read(std::string_view(text).substr(0, size), leaf, parsed);
      count.ran(parsed.damage == Damage::none ? "sound prefixes" : "damaged prefixes");
    }
  }
}

TEST(PropertyData, ABentByteIsReadOrDamaged) {
  auto files = fixtures();
  if (files.empty()) GTEST_SKIP() << support::no_cases("fixtures/spool-exim-*");
  support::CaseCount count("fixtures/spool-exim-*");
  std::mt19937 random(20261121);
  ParsedH parsed;
  for (const auto& [leaf, text] : files) {
    for (int i = 0; i < 50; ++i) {
      std::string bent = text;
      bent[random() % bent.size()] = static_cast<char>(random());
      read(bent, leaf, parsed);
      count.ran(parsed.damage == Damage::none ? "sound" : "damaged");
      if (parsed.damage != Damage::none) continue;
      auto file = parse_h_file(bent, leaf);
      ASSERT_TRUE(file);
      auto again = parse_h_file(format_h_file(*file), leaf);
      ASSERT_TRUE(again) << again.error().text << '\n' << bent;
      EXPECT_TRUE(support::same(*file, *again)) << bent;
    }
  }
}

// --- random messages --------------------------------------------------------------

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  HFile h_file() {
    HFile file;
    file.id =
        *MessageId::parse(one_in(2) ? "1xUYvJ-0004Zg-2C" : "1xUZAl-000000007qz-3ski");
    file.login = word();
    file.uid = number();
    file.gid = number();
    if (!one_in(4)) file.sender = text();
    file.received = number();
    file.warnings = static_cast<std::int64_t>(random_() % 3);
    for (auto i = random_() % 6; i > 0; --i) file.set(option());
    std::vector<std::string> names;
    for (auto i = random_() % 20; i > 0; --i) names.push_back(text());
    file.mark_delivered(names);
    for (auto i = random_() % 6; i > 0; --i) file.recipients.push_back(recipient());
    for (auto i = random_() % 4; i > 0; --i)
      file.headers.push_back(
          {" BCFIPRST*"[random_() % 10], "X-" + word() + ": " + lines()});
    return file;
  }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }
  std::int64_t number() {
    auto value = static_cast<std::int64_t>(random_()) << (random_() % 20);
    return one_in(8) ? -value : value;
  }

  std::string from(std::string_view alphabet, std::size_t longest) {
    std::string out;
    for (auto i = 1 + random_() % longest; i > 0; --i)
      out += alphabet[random_() % alphabet.size()];
    return out;
  }
  std::string word() { return from("abcxyz019_-", 12); }
  // One line, with all that separates something in a -H file.
  std::string text() { return from("ab@.  ,,##--0123<>()\"\t\r\xc3\xa9:/", 20); }
  // May hold line ends, as ACL variables and headers do; now and then a NUL.
  std::string lines() {
    std::string out = from("ab \n\n-0:", 30);
    if (one_in(50)) out += '\0';
    return out + "\n";
  }

  Option option() {
    switch (random_() % 4) {
      case 0:
        return {"aclm _" + word(), lines(), true, one_in(2), ""};
      case 1:
        return {"aclc " + std::to_string(random_() % 10), lines(), true, false, ""};
      case 2:
        return {"helo_name", text(), true, true, one_in(2) ? "mysql" : ""};
      default:
        return {"x" + word(), "", false, false, ""};
    }
  }

  Recipient recipient() {
    Recipient recipient;
    recipient.address = text();
    if (one_in(3)) recipient.errors_to = text();
    if (one_in(3)) recipient.dsn_flags = static_cast<unsigned>(random_() % 32);
    if (recipient.dsn_flags != 0 && one_in(2)) recipient.orcpt = text();
    if (one_in(3)) recipient.parent = static_cast<int>(random_() % 5);
    recipient.old_form = one_in(4);
    return recipient;
  }

  std::mt19937 random_;
};

TEST(Property, WhatCanBeWrittenIsReadAsTheSame) {
  int writable = 0;
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    HFile file = Generator(seed).h_file();
    if (!check_writable(file)) continue;
    ++writable;
    std::string leaf = file.id.str() + "-H";
    std::string text = format_h_file(file);
    auto back = parse_h_file(text, leaf);
    ASSERT_TRUE(back) << "seed " << seed << ": " << back.error().text << '\n' << text;
    ASSERT_TRUE(support::same(file, *back)) << "seed " << seed << '\n' << text;
    ASSERT_EQ(format_h_file(*back), text) << "seed " << seed;
  }
  EXPECT_GT(writable, 2000);
}

TEST(Property, TreesFindAllAndInsertAtOnceOrInSteps) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    NonRecipients tree;
    std::vector<std::string> names;
    for (auto i = random() % 300; i > 0; --i) {
      names.push_back(std::to_string(random() % 500));
      tree.insert(names.back());
    }
    for (const auto& name : names) EXPECT_TRUE(tree.found_by_exim(name));
    EXPECT_FALSE(tree.found_by_exim("x"));
    NonRecipients at_once;
    at_once.insert(names);
    ASSERT_EQ(at_once.nodes.size(), tree.nodes.size());
    for (std::size_t i = 0; i < tree.nodes.size(); ++i)
      EXPECT_TRUE(support::same(at_once.nodes[i], tree.nodes[i]));
  }
}

}  // namespace
}  // namespace spoolfmt
