// SPDX-License-Identifier: Apache-2.0
#include "receiver/greylist.h"

#include <gtest/gtest.h>

namespace {

using receiver::parse_triplet;
using receiver::passes;
using receiver::Triplet;
using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_seconds;

const sys_seconds kStart{seconds(1'700'000'000)};
const receiver::GreylistTimes kTimes;

TEST(Greylist, LetsPassWhoComesAgainInTime) {
  std::optional<Triplet> triplet;
  EXPECT_FALSE(passes(triplet, kTimes, kStart));
  EXPECT_FALSE(passes(triplet, kTimes, kStart + seconds(299)));
  EXPECT_EQ(triplet->first, kStart);
  EXPECT_TRUE(passes(triplet, kTimes, kStart + seconds(300)));
  EXPECT_TRUE(passes(triplet, kTimes, kStart + days(35)));
  EXPECT_TRUE(passes(triplet, kTimes, kStart + days(70)));
  EXPECT_FALSE(passes(triplet, kTimes, kStart + days(105) + seconds(1)));
}

TEST(Greylist, ForgetsWhoDoesNot) {
  std::optional<Triplet> triplet;
  EXPECT_FALSE(passes(triplet, kTimes, kStart));
  EXPECT_FALSE(passes(triplet, kTimes, kStart + days(2) + seconds(1)));
  EXPECT_EQ(triplet->first, kStart + days(2) + seconds(1));
}

TEST(Greylist, TripletsAreText) {
  Triplet triplet{kStart, kStart + seconds(5)};
  EXPECT_EQ(receiver::format_triplet(triplet), "1700000000 1700000005");
  EXPECT_EQ(parse_triplet("1700000000 1700000005"), triplet);
  for (const char* text : {"", "1", "x 1", "1 2 3", "1 2x"})
    EXPECT_FALSE(parse_triplet(text)) << text;
}

std::string input(const std::string& ip, const std::string& sender,
                  const std::string& rcpt, const std::string& auth = "null") {
  return R"({"client":{"ip":")" + ip + R"(","auth":)" + auth +
         R"(},"envelope":{"from":)" + sender + R"(,"rcpt":[)" + rcpt + "]}}";
}

TEST(Greylist, ReadsAScriptsInput) {
  auto facts = receiver::read_greylist_facts(
      input("192.0.2.77", R"("A@X.test")", R"({"addr":"B@Y.test"},{"addr":"c"})"));
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->network, "192.0.2.0/24");
  EXPECT_EQ(facts->sender, "a@x.test");
  EXPECT_EQ(facts->recipient, "b@y.test");
  EXPECT_FALSE(facts->authenticated);
  EXPECT_EQ(facts->key()->size(), 32U);
  facts = receiver::read_greylist_facts(
      input("2001:db8:1:2:3:4:5:6", R"({"b64":"6Q=="})", "", R"({"id":"u"})"));
  EXPECT_EQ(facts->network, "2001:db8:1:2::/64");
  EXPECT_EQ(facts->sender, R"({"b64":"6q=="})");
  EXPECT_EQ(facts->recipient, "");
  EXPECT_TRUE(facts->authenticated);
  for (const char* text : {"", "[]", "{}", R"({"client":1,"envelope":{}})"})
    EXPECT_FALSE(receiver::read_greylist_facts(text)) << text;
}

}  // namespace
