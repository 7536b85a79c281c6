// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_faults.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using utils::fault_of_recipient;
using utils::SinkFault;
using utils::SinkFaults;

std::string shown(const SinkFault& fault) {
  return (fault.reply ? std::to_string(fault.reply->code) + " " : "") +
         (fault.drop ? "drop " : "") +
         (fault.wait.count() > 0 ? std::to_string(fault.wait.count()) : "");
}

TEST(SinkFaults, ALocalPartAsksForItsOwn) {
  const struct {
    const char *stage, *recipient, *fault;
  } rows[] = {
      {"rcpt", "code-451@x", "451 "},   {"rcpt", "code-550+7@x", "550 "},
      {"dot", "code-451@x", ""},        {"dot", "dot-452@x", "452 "},
      {"rcpt", "dot-452@x", ""},        {"data", "data-421@x", "421 "},
      {"rcpt", "code-99@x", ""},        {"rcpt", "code-@x", ""},
      {"rcpt", "slow@x", "1000"},       {"rcpt", "slow-25@x", "25"},
      {"dot", "slow-25@x", ""},         {"rcpt", "slow-x@x", ""},
      {"dot", "drop-dot@x", "drop "},   {"rcpt", "drop-rcpt+1@x", "drop "},
      {"body", "drop-body@x", "drop "}, {"data", "drop-dot@x", ""},
      {"rcpt", "honest@code-451", ""},  {"mail", "drop-mail@x", ""},
  };
  for (const auto& row : rows)
    EXPECT_EQ(shown(fault_of_recipient(row.stage, row.recipient)), row.fault)
        << row.stage << " " << row.recipient;
}

TEST(SinkFaults, ARecipientComesBeforeTheOptions) {
  auto faults = SinkFaults::create(
      {.reject_rcpt = "^code", .replies = {"dot=451 later"}, .by_local_part = true});
  ASSERT_TRUE(faults);
  const std::vector<std::string> one = {"code-450@x"}, two = {"a@x", "dot-552@x"};
  EXPECT_EQ(shown(faults->at("rcpt", one)), "450 ");
  EXPECT_EQ(shown(faults->at("dot", one)), "451 ");
  EXPECT_EQ(shown(faults->at("dot", two)), "552 ");
}

TEST(SinkFaults, EhloIsHeloUnlessItIsNamed) {
  auto both = SinkFaults::create({.replies = {"helo=550 no"}});
  auto one = SinkFaults::create({.replies = {"ehlo=502 no"}});
  ASSERT_TRUE(both && one);
  EXPECT_EQ(shown(both->at("ehlo")), "550 ");
  EXPECT_EQ(shown(one->at("ehlo")), "502 ");
  EXPECT_EQ(shown(one->at("helo")), "");
}

TEST(SinkFaults, ADropIsDoneSoOften) {
  auto faults = SinkFaults::create({.drop_at = "dot", .drop_times = 2});
  ASSERT_TRUE(faults);
  EXPECT_FALSE(faults->at("mail").drop);
  EXPECT_TRUE(faults->at("dot").drop);
  EXPECT_TRUE(faults->at("dot").drop);
  EXPECT_FALSE(faults->at("dot").drop);
}

TEST(SinkFaults, ASeedRepeatsItself) {
  auto draw = [](const char* chaos) {
    auto faults = SinkFaults::create({.chaos = chaos});
    std::vector<std::string> drawn;
    for (int i = 0; i < 1000; ++i) drawn.push_back(shown(faults->at("mail")));
    return drawn;
  };
  EXPECT_EQ(draw("7:30"), draw("7:30"));
  EXPECT_NE(draw("7:30"), draw("8:30"));
  auto drawn = draw("7:30");
  auto honest = std::ranges::count(drawn, "");
  EXPECT_GT(honest, 600);
  EXPECT_LT(honest, 800);
  EXPECT_EQ(std::ranges::count(draw("7:0"), ""), 1000);
  EXPECT_EQ(std::ranges::count(draw("7:100"), ""), 0);
}

TEST(SinkFaults, SaysWhatIsNoSeed) {
  for (const char* text : {"7", "7:", ":5", "x:5", "7:101"})
    EXPECT_FALSE(SinkFaults::create({.chaos = text})) << text;
}

}  // namespace
