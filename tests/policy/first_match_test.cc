// SPDX-License-Identifier: Apache-2.0
#include "policy/first_match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using policy::FirstEnding;
using policy::FirstNetwork;
using policy::FirstWord;
using policy::kNowhere;
using policy::Place;

TEST(FirstWord, OfEqualWordsTheFirstCounts) {
  FirstWord words;
  EXPECT_EQ(words.find("a"), kNowhere);
  EXPECT_TRUE(words.add("a", 3));
  EXPECT_FALSE(words.add("a", 4));
  EXPECT_TRUE(words.add("", 5));
  EXPECT_EQ(words.find("a"), 3U);
  EXPECT_EQ(words.find(""), 5U);
  EXPECT_EQ(words.find("A"), kNowhere);
}

TEST(FirstWord, FindsEachOfMany) {
  FirstWord words;
  for (Place i = 0; i < 10'000; ++i) words.add("word" + std::to_string(i), i);
  for (Place i = 0; i < 10'000; ++i)
    ASSERT_EQ(words.find("word" + std::to_string(i)), i);
  EXPECT_EQ(words.find("word10000"), kNowhere);
}

TEST(FirstEnding, TheFirstPlaceAndNotTheLongestEndingCounts) {
  FirstEnding endings;
  endings.add(".c", 0);
  endings.add("x.b.c", 1);
  endings.add(".c", 2);
  endings.add("z.d", 3);
  endings.add("", 4);
  endings.finish();
  EXPECT_EQ(endings.find("a.b.c"), 0U);
  EXPECT_EQ(endings.find("x.b.c"), 0U);
  EXPECT_EQ(endings.find("z.d"), 3U);
  EXPECT_EQ(endings.find("a.d"), 4U);
  EXPECT_EQ(endings.find(""), 4U);
}

// Whatever the patterns are, the answer is that of asking each in turn.
TEST(FirstEnding, AnswersAsAskingOneByOneDoes) {
  std::mt19937 random(7);
  auto word = [&](std::size_t longest) {
    std::string text(random() % (longest + 1), 'a');
    for (char& c : text) c = static_cast<char>("ab\xff"[random() % 3]);
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> patterns(random() % 20);
    FirstEnding endings;
    for (Place i = 0; i < patterns.size(); ++i) endings.add(patterns[i] = word(5), i);
    endings.finish();
    for (int i = 0; i < 50; ++i) {
      std::string subject = word(8);
      Place expected = kNowhere;
      for (Place at = 0; at < patterns.size() && expected == kNowhere; ++at)
        if (subject.ends_with(patterns[at])) expected = at;
      ASSERT_EQ(endings.find(subject), expected) << subject;
    }
  }
}

TEST(FirstNetwork, AnswersAsAskingOneByOneDoes) {
  std::mt19937 random(7);
  auto address = [&] {
    policy::Ip ip;
    ip.v6 = random() % 2 == 0;
    for (unsigned i = 0; i < ip.bits() / 8; ++i)
      ip.bytes[i] = static_cast<std::uint8_t>(random() % 3 == 0 ? 0x80 : 0);
    return ip;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<policy::IpNetwork> patterns(random() % 20);
    FirstNetwork networks;
    for (Place i = 0; i < patterns.size(); ++i) {
      policy::Ip ip = address();
      patterns[i] = {ip, static_cast<unsigned>(random() % (ip.bits() + 1))};
      networks.add(patterns[i], i);
    }
    networks.finish();
    for (int i = 0; i < 50; ++i) {
      policy::Ip subject = address();
      Place expected = kNowhere;
      for (Place at = 0; at < patterns.size() && expected == kNowhere; ++at)
        if (masked(subject, patterns[at].bits) ==
            masked(patterns[at].address, patterns[at].bits))
          expected = at;
      ASSERT_EQ(networks.find(subject), expected);
    }
  }
}
