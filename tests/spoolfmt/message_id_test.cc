// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/message_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

namespace spoolfmt {
namespace {

using Release = IdScheme::Release;

TEST(MessageId, Spool1_RecognisesBothFormsAndNothingElse) {
  for (const char* text : {"1xUYvJ-0004Zg-2C", "1xUYvo-000000005kR-09xI",
                           "zzzzzz-zzzzzz-zz", "000000-00000000000-0000"})
    EXPECT_TRUE(MessageId::parse(text)) << text;
  for (const char* text :
       {"", "1xUYvJ-0004Zg-2", "1xUYvJ-0004Zg-2CC", "1xUYvJ_0004Zg-2C",
        "1xUYvJ-0004Zg+2C", "1xUYvJ-0004Zg-2C ", "E1xUYvJ-0004Zg-2C",
        "1xUYvo-000000005kR-09x", "1xUYvo-000000005kR-09xII", "1xUYvo-0000000-5kR-09xI",
        ".xUYvJ-0004Zg-2C", "not_a_message_id"})
    EXPECT_FALSE(MessageId::parse(text)) << text;
}

TEST(MessageId, FindsTheIdInLinesOfListings) {
  struct Row {
    const char* line;
    const char* id;
  };
  for (const Row& row : {
           Row{"1xUYvJ-0004Zg-2C", "1xUYvJ-0004Zg-2C"},
           {"45m   333 1xUYvJ-0004Zg-2C <alice@sender.example> *** frozen ***",
            "1xUYvJ-0004Zg-2C"},
           {"{\"id\":\"1xUYvo-000000005kR-09xI\",\"size\":1}",
            "1xUYvo-000000005kR-09xI"},
           {"          bob@remote.example", ""},
           {"", ""},
           {"1xUYvJ-0004Zg-2C-H", ""},  // a file's name is no id
       }) {
    auto id = MessageId::find_in(row.line);
    EXPECT_EQ(id ? id->str() : "", row.id) << row.line;
  }
}

TEST(MessageId, Spool4_SplitLetterIsTheSixthCharacter) {
  EXPECT_EQ(MessageId::parse("1xUYvJ-0004Zg-2C")->split_letter(), 'J');
  EXPECT_EQ(MessageId::parse("1xUYvo-000000005kR-09xI")->split_letter(), 'o');
}

TEST(MessageId, Spool26_FirstLineIs19Or26Bytes) {
  EXPECT_EQ(MessageId::parse("1xUYvJ-0004Zg-2C")->first_line_length(), 19U);
  EXPECT_EQ(MessageId::parse("1xUYvo-000000005kR-09xI")->first_line_length(), 26U);
}

// The table of exim-spool.md section 2: microseconds and localhost_number to last
// digits.
TEST(MessageId, Spool2_EncodesAndDecodesByReleaseRule) {
  struct Row {
    IdScheme scheme;
    unsigned microseconds;
    std::uint64_t units;
    unsigned rounded;
  };
  const unsigned us = 680'109;
  const Row rows[] = {
      {{Release::to_4_95, 62, {}}, us, us / 500, us / 500 * 500},
      {{Release::to_4_95, 36, {}}, us, us / 1000, us / 1000 * 1000},
      {{Release::to_4_95, 62, 16}, us, 16 * 200 + us / 5000, us / 5000 * 5000},
      {{Release::to_4_95, 36, 10}, us, 10 * 100 + us / 10000, us / 10000 * 10000},
      {{Release::v4_96, 62, {}}, us, us / 5000, us / 5000 * 5000},
      {{Release::v4_96, 36, {}}, us, us / 10000, us / 10000 * 10000},
      {{Release::v4_96, 62, 0}, us, us / 5000, us / 5000 * 5000},
      {{Release::v4_96, 62, 16}, us, 16 * 200 + us / 5000, us / 5000 * 5000},
      {{Release::v4_97, 62, {}}, us, us, us},
      {{Release::v4_97, 36, {}}, us, us / 2, us / 2 * 2},
      {{Release::v4_97, 62, 0}, us, us / 2, us / 2 * 2},
      {{Release::v4_97, 62, 16}, us, 16 * 500'000 + us / 2, us / 2 * 2},
      {{Release::v4_97, 36, 5}, us, 5 * 250'000 + us / 4, us / 4 * 4},
  };
  for (const Row& row : rows) {
    IdParts parts{1'795'220'745, 4242, row.microseconds, row.scheme.localhost_number};
    MessageId id = encode(parts, row.scheme);
    std::uint64_t units = 0;
    std::string_view digits =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (char c : id.text().substr(id.text().rfind('-') + 1))
      units = units * row.scheme.base + digits.find(c);
    EXPECT_EQ(units, row.units) << id.text();
    IdParts back = decode(id, row.scheme);
    EXPECT_EQ(back.seconds, parts.seconds) << id.text();
    EXPECT_EQ(back.pid, 4242U) << id.text();
    EXPECT_EQ(back.microseconds, row.rounded) << id.text();
    EXPECT_EQ(back.localhost_number, row.scheme.localhost_number) << id.text();
  }
}

TEST(MessageId, Spool2_DecodesIdsThatEximWrote) {
  // Fixture b01 of 4.96: received 1795221676.907353.
  IdParts old = decode(*MessageId::parse("1xUZAK-0007Q1-2v"), {Release::v4_96, 62, {}});
  EXPECT_EQ(old.seconds, 1'795'221'676);
  EXPECT_EQ(old.microseconds, 905'000U);
}

TEST(MessageId, QueueOrderIsSecondThenFractionNotProcess) {
  std::vector<std::string> names = {"1xUZAL-0007Q2-0O-H", "1xUZAK-0009zz-00-H",
                                    "1xUZAL-000001-0N-H", "1xUZAL-zzzzzz-0A-H",
                                    "1xUZAL-00000000001-0001-H"};
  std::sort(names.begin(), names.end(), queue_order);
  EXPECT_EQ(names,
            (std::vector<std::string>{"1xUZAK-0009zz-00-H", "1xUZAL-00000000001-0001-H",
                                      "1xUZAL-zzzzzz-0A-H", "1xUZAL-000001-0N-H",
                                      "1xUZAL-0007Q2-0O-H"}));
}

TEST(MessageIdSourceThreads, Spool3_NeverGivesAnIdTwice) {
  for (Release release : {Release::to_4_95, Release::v4_96, Release::v4_97}) {
    MessageIdSource source({release, 62, {}}, 4'194'303);
    // All at one instant, and one second back: the worst a clock can do.
    base::Time now(std::chrono::seconds(1'795'220'745));
    constexpr int kThreads = 4;
    constexpr int kEach = 2500;
    std::vector<std::vector<MessageId>> given(kThreads);
    std::vector<std::thread> threads;
    for (auto& mine : given)
      threads.emplace_back([&source, &mine, now] {
        for (int i = 0; i < kEach; ++i)
          mine.push_back(source.next(now - std::chrono::seconds(i % 2)));
      });
    for (auto& thread : threads) thread.join();
    std::set<MessageId> all;
    for (const auto& mine : given) all.insert(mine.begin(), mine.end());
    EXPECT_EQ(all.size(), std::size_t{kThreads * kEach});
  }
}

TEST(MessageIdSource, Spool3_AUsedTickBorrowsAProcessNumberThatNobodyHas) {
  IdScheme scheme{Release::v4_96, 62, {}};
  MessageIdSource source(scheme, 77);
  base::Time now(std::chrono::seconds(1'795'220'745));
  EXPECT_EQ(decode(source.next(now), scheme).pid, 77U);
  EXPECT_GE(decode(source.next(now), scheme).pid, std::uint64_t{1} << 22);
  // The next tick is free again.
  EXPECT_EQ(decode(source.next(now + std::chrono::milliseconds(5)), scheme).pid, 77U);
}

TEST(MessageIdSource, Spool3_AvoidsOthersByNumbersFarFromTheirs) {
  IdScheme scheme{Release::v4_96, 62, {}};
  MessageIdSource source(scheme, 77);
  base::Time now(std::chrono::seconds(1'795'220'745));
  source.avoid_others();
  EXPECT_GE(decode(source.next(now), scheme).pid, std::uint64_t{1} << 22);
}

}  // namespace
}  // namespace spoolfmt
