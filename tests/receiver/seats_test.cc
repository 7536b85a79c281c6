// SPDX-License-Identifier: Apache-2.0
#include "receiver/seats.h"

#include <gtest/gtest.h>

#include <list>
#include <thread>
#include <vector>

namespace {

using receiver::host_network;
using receiver::Seats;

TEST(Seats, OP1_NoMoreThanTheLimit) {
  Seats seats;
  auto one = seats.take(2), two = seats.take(2);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(two->number(), 2U);
  EXPECT_FALSE(seats.take(2));
  EXPECT_EQ(seats.taken(), 2U);
  one.reset();
  EXPECT_TRUE(seats.take(2));
}

TEST(Seats, NoLimitIsNone) {
  Seats seats;
  std::vector<Seats::Seat> taken;
  for (int i = 0; i < 1000; ++i) taken.push_back(*seats.take(0));
  EXPECT_EQ(seats.taken(), 1000U);
}

TEST(Seats, OP2_CountsTheSeatsOfAHost) {
  Seats seats;
  auto one = seats.take(0), two = seats.take(0), three = seats.take(0);
  EXPECT_EQ(one->belongs_to("192.0.2.1"), 1U);
  EXPECT_EQ(two->belongs_to("192.0.2.1"), 2U);
  EXPECT_EQ(three->belongs_to("192.0.2.2"), 1U);
  // Behind a PROXY header it is another's.
  EXPECT_EQ(two->belongs_to("192.0.2.2"), 2U);
  three.reset();
  EXPECT_EQ(one->belongs_to("192.0.2.2"), 2U);
}

TEST(Seats, MovedSeatIsOne) {
  Seats seats;
  auto seat = seats.take(0);
  seat->belongs_to("192.0.2.1");
  {
    Seats::Seat moved(std::move(*seat));
    seat.reset();
    EXPECT_EQ(seats.taken(), 1U);
  }
  EXPECT_EQ(seats.taken(), 0U);
  EXPECT_EQ(seats.take(0)->belongs_to("192.0.2.1"), 1U);
}

TEST(Seats, OP2_HostOfIPv6IsItsNetwork) {
  EXPECT_EQ(host_network("2001:db8:0:1::1"), host_network("2001:db8:0:1:ffff::2"));
  EXPECT_NE(host_network("2001:db8:0:1::1"), host_network("2001:db8:0:2::1"));
  EXPECT_NE(host_network("192.0.2.1"), host_network("192.0.2.2"));
  EXPECT_EQ(host_network("fe80::1%eth0"), host_network("fe80::2%eth1"));
}

TEST(SeatsThreads, CountsAreRightInTheEnd) {
  Seats seats;
  std::list<std::jthread> threads;
  std::atomic<bool> too_many = false;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        auto seat = seats.take(3);
        if (!seat) continue;
        if (seat->belongs_to("192.0.2.1") > 3) too_many = true;
      }
    });
  threads.clear();
  EXPECT_FALSE(too_many);
  EXPECT_EQ(seats.taken(), 0U);
}

}  // namespace
