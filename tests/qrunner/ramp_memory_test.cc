// SPDX-License-Identifier: Apache-2.0
//
// What a leg and a site cost, counted where all memory comes from.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstddef>

#include "qrunner/leg_lists.h"
#include "qrunner/ramp.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // GCC has no header
#define BOBBIN_SANITIZED 1
#else
#define BOBBIN_SANITIZED 0
#endif

namespace {

std::size_t in_use() {
#if BOBBIN_SANITIZED
  return __sanitizer_get_current_allocated_bytes();
#else
  struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

using qrunner::Leg;
using qrunner::LegLists;
using qrunner::PackedId;
using qrunner::Ramp;
using qrunner::SiteIndex;

const spoolfmt::MessageId kId = *spoolfmt::MessageId::parse("1xUj2S-000000054vY-1cBK");

TEST(RampMemory, QR11_ALegCostsTwentyBytes) {
  constexpr std::size_t kLegs = 1'000'000;
  std::size_t before = in_use();
  Ramp ramp({.threshold = Ramp::kInfinite});
  for (std::size_t i = 0; i < kLegs; ++i) ramp.routed(0, Leg(kId), {});
  EXPECT_LE(in_use() - before, 20 * kLegs + 200'000);
}

TEST(RampMemory, QR11_ASiteWithOneLegIsCheapToo) {
  constexpr std::size_t kSites = 100'000;
  std::size_t before = in_use();
  Ramp ramp({});
  for (SiteIndex site = 0; site < kSites; ++site) ramp.routed(site, Leg(kId), {});
  EXPECT_LE(in_use() - before, 320 * kSites);
}

TEST(LegLists, WhatWasTakenIsUsedAgain) {
  LegLists legs;
  LegLists::List one, other;
  for (int i = 0; i < 5'000; ++i) legs.push_back(one, PackedId(kId));
  std::size_t before = in_use();
  for (int i = 0; i < 100'000; ++i) {
    legs.push_back(i % 3 ? one : other, PackedId(kId));
    legs.pop_front(one);
    if (one.empty()) std::swap(one, other);
  }
  EXPECT_LE(in_use() - before, 300'000U);
}

TEST(LegLists, FirstInFirstOutButForWhatIsGivenBack) {
  auto id = [](char last) {
    std::string text = "1xUj2S-000001-0";
    return PackedId(*spoolfmt::MessageId::parse(text + last));
  };
  LegLists legs;
  LegLists::List list;
  for (char c : {'1', '2', '3'}) legs.push_back(list, id(c));
  EXPECT_EQ(legs.pop_front(list), id('1'));
  legs.push_front(list, id('1'));
  legs.push_back(list, id('4'));
  for (char c : {'1', '2', '3', '4'}) EXPECT_EQ(legs.pop_front(list), id(c));
  EXPECT_TRUE(list.empty());
  legs.push_front(list, id('5'));
  legs.push_back(list, id('6'));
  EXPECT_EQ(legs.pop_front(list), id('5'));
  EXPECT_EQ(legs.pop_front(list), id('6'));
}

}  // namespace
