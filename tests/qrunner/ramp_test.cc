// SPDX-License-Identifier: Apache-2.0
#include "qrunner/ramp.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <optional>
#include <random>
#include <set>

namespace {

using qrunner::Leg;
using qrunner::Ramp;
using qrunner::SiteIndex;
using namespace std::chrono_literals;

Leg leg(unsigned number) {
  char text[32];
  std::snprintf(text, sizeof text, "1xUj2S-%06u-0X", number);
  return *spoolfmt::MessageId::parse(text);
}

// How many legs of one site it takes to start it; 0: only the end of the scan does.
std::size_t legs_to_start(std::size_t threshold) {
  Ramp ramp({.threshold = threshold});
  for (unsigned i = 1; i <= 200; ++i)
    if (!ramp.routed(0, leg(i), {}).empty()) return i;
  return ramp.scan_ended().empty() ? 999 : 0;
}

TEST(Ramp, Q16_Q17_Q18_StartsAtItsThreshold) {
  struct Row {
    std::size_t threshold, starts_at;
  };
  // 50 is Exim's record, and Exim acts when it needs the next: at the 51st.
  for (const Row& row : {Row{1, 1}, Row{2, 2}, Row{8, 8}, Row{49, 49}, Row{50, 51},
                         Row{51, 51}, Row{Ramp::kInfinite, 0}})
    EXPECT_EQ(legs_to_start(row.threshold), row.starts_at) << row.threshold;
}

TEST(Ramp, Q19_CountsLegsOfASiteOnItsOwn) {
  Ramp ramp({});
  for (unsigned i = 0; i < 7; ++i) {
    EXPECT_TRUE(ramp.routed(0, leg(i), {}).empty());
    EXPECT_TRUE(ramp.routed(1, leg(i), {}).empty());
  }
  EXPECT_EQ(ramp.routed(1, leg(7), {}), (Ramp::Starts{{.site = 1, .connections = 1}}));
}

TEST(Ramp, OpensOneConnectionForEachThresholdOfLegs) {
  struct Row {
    unsigned legs;
    std::size_t threshold, connections;
  };
  for (const Row& row : {Row{9, 8, 2}, Row{1'000, 8, 20}, Row{1'000, 50, 20},
                         Row{101, 50, 3}, Row{9, 1, 2}, Row{17, Ramp::kInfinite, 3}}) {
    Ramp ramp({.threshold = row.threshold, .fixed_window = true});
    std::size_t connections = 0;
    auto count = [&](const Ramp::Starts& starts) {
      for (const auto& start : starts) connections += start.connections;
    };
    for (unsigned i = 0; i < row.legs; ++i) count(ramp.routed(0, leg(i), {}));
    count(ramp.scan_ended());
    EXPECT_EQ(connections, row.connections) << row.legs << ' ' << row.threshold;
  }
}

TEST(Ramp, ALegThatWaitedStartsItsSiteWhileConnectionsAreToSpare) {
  Ramp::Instant start{};
  Ramp ramp({.wait = 200ms});
  for (unsigned i = 0; i < 8; ++i) ramp.routed(0, leg(i), start);
  ramp.routed(1, leg(1), start);
  EXPECT_TRUE(ramp.tick(start + 199ms).empty());
  EXPECT_EQ(ramp.tick(start + 200ms).size(), 1U);
  EXPECT_TRUE(ramp.tick(start + 300ms).empty()) << "it has started already";

  Ramp nothing_to_do({.wait = 200ms});
  nothing_to_do.routed(0, leg(1), start);
  nothing_to_do.routed(1, leg(1), start);
  EXPECT_TRUE(nothing_to_do.tick(start + 9ms).empty());
  EXPECT_EQ(nothing_to_do.tick(start + 10ms),
            (Ramp::Starts{{.site = 0, .connections = 1}}));
  EXPECT_TRUE(nothing_to_do.tick(start + 199ms).empty()) << "something is open";

  Ramp busy({.wait = 200ms, .connections = 2});
  for (unsigned i = 0; i < 8; ++i) busy.routed(0, leg(i), start);
  busy.routed(1, leg(1), start);
  EXPECT_TRUE(busy.tick(start + 1h).empty()) << "half of the connections are open";

  Ramp infinite({.threshold = Ramp::kInfinite, .wait = 200ms});
  infinite.routed(0, leg(1), start);
  EXPECT_TRUE(infinite.tick(start + 1h).empty()) << "two strict phases";
}

TEST(Ramp, AnIdleConnectionIsWokenBeforeAnotherIsMade) {
  Ramp ramp({.threshold = 1});
  ramp.routed(0, leg(1), {});
  EXPECT_TRUE(ramp.take(0));
  EXPECT_FALSE(ramp.take(0));
  ramp.idle(0);
  EXPECT_EQ(ramp.routed(0, leg(2), {}), (Ramp::Starts{{.site = 0, .wake = 1}}));
}

TEST(Ramp, SmallSitesStartFirstWhenTheScanEnds) {
  Ramp ramp({.threshold = Ramp::kInfinite, .connections = 2});
  for (unsigned i = 0; i < 100; ++i) ramp.routed(0, leg(i), {});
  ramp.routed(1, leg(1), {});
  EXPECT_EQ(ramp.scan_ended(), (Ramp::Starts{{.site = 1, .connections = 1},
                                             {.site = 0, .connections = 1}}));
}

TEST(Ramp, ThreeFailuresInARowEndASite) {
  Ramp ramp({.threshold = 1});
  ramp.scan_ended();
  for (unsigned i = 0; i < 4; ++i) ramp.routed(0, leg(i), {});
  EXPECT_TRUE(ramp.take(0));
  EXPECT_EQ(ramp.closed(0, true).size(), 1U);
  EXPECT_TRUE(ramp.take(0));
  EXPECT_TRUE(ramp.succeeded(0).empty());
  EXPECT_EQ(ramp.closed(0, true).size(), 1U);
  EXPECT_EQ(ramp.closed(0, true).size(), 1U);
  EXPECT_TRUE(ramp.closed(0, true).empty());
  EXPECT_TRUE(ramp.dead(0));
  EXPECT_FALSE(ramp.take(0));
  EXPECT_EQ(ramp.left(), 2U) << "and what was not tried stays";
}

TEST(Ramp, NoConnectionIsMadeWhileOurOwnSideDoesNotKeepUp) {
  Ramp ramp({.threshold = 1});
  ramp.scan_ended();
  for (unsigned i = 0; i < 100; ++i) ramp.routed(0, leg(i), {});
  ASSERT_EQ(ramp.view(0).open, 3U);
  EXPECT_TRUE(ramp.succeeded(0, 1ms, {}, false).empty());
  EXPECT_EQ(ramp.view(0).open, 3U);
  EXPECT_EQ(ramp.succeeded(0, 1ms, {}, true),
            (Ramp::Starts{{.site = 0, .connections = 1}}));
}

TEST(Ramp, ASlowFarEndGetsAnotherOneWhateverWaitsHere) {
  Ramp ramp({});
  for (unsigned i = 0; i < 300; ++i) ramp.routed(0, leg(i), {});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ramp.take(0));
  EXPECT_EQ(ramp.succeeded(0, 20ms).size(), 1U);
  EXPECT_EQ(ramp.succeeded(0, 25ms, {}, false).size(), 1U);
  for (int i = 0; i < 8; ++i) (void)ramp.succeeded(0, 9ms);
  EXPECT_TRUE(ramp.succeeded(0, 9ms, {}, false).empty()) << "it can be quick";
  EXPECT_EQ(ramp.succeeded(0, 9ms).size(), 1U);
}

TEST(Ramp, Q74_NothingStartsOnceItIsStopped) {
  Ramp ramp({.threshold = 1});
  ramp.routed(0, leg(1), {});
  ramp.stop();
  EXPECT_FALSE(ramp.take(0));
  EXPECT_TRUE(ramp.routed(1, leg(2), {}).empty());
  EXPECT_TRUE(ramp.scan_ended().empty());
  EXPECT_TRUE(ramp.closed(0, false).empty());
}

TEST(Ramp, FreshLegsGoBeforeThoseThatFailedEarlier) {
  Ramp ramp({.threshold = 1});
  using qrunner::Lane;
  ramp.routed(0, Leg(leg(1), Lane::retried), {});
  ramp.routed(0, Leg(leg(2)), {});
  ramp.routed(0, Leg(leg(3)), {});
  for (unsigned number : {2U, 3U, 1U}) EXPECT_EQ(ramp.take(0)->id, leg(number).id);
}

TEST(Ramp, TheLaneApartHasAQuarterOfTheWindow) {
  using qrunner::Lane;
  Ramp ramp({.threshold = 1, .per_site = 8, .fixed_window = true});
  ramp.scan_ended();
  for (unsigned i = 0; i < 10; ++i) ramp.routed(0, Leg(leg(i), Lane::apart), {});
  auto one = ramp.take(0);
  auto two = ramp.take(0);
  ASSERT_TRUE(one && two);
  EXPECT_FALSE(ramp.take(0)) << "two of eight";
  ramp.routed(0, leg(20), {});
  EXPECT_EQ(ramp.take(0)->lane, Lane::fresh);
  EXPECT_FALSE(ramp.take(0));
  ramp.give_back(0, *one);
  EXPECT_EQ(ramp.take(0)->id, one->id);
  ramp.closed(0, false);
  EXPECT_EQ(ramp.done(0, *two), (Ramp::Starts{{.site = 0, .connections = 1}}));
  EXPECT_TRUE(ramp.take(0));
}

TEST(Ramp, APausedSiteRestsUntilItIsResumed) {
  Ramp ramp({.threshold = 1});
  EXPECT_TRUE(ramp.pause(0).empty());
  EXPECT_TRUE(ramp.routed(0, leg(1), {}).empty());
  EXPECT_TRUE(ramp.scan_ended().empty());
  EXPECT_FALSE(ramp.take(0));
  EXPECT_TRUE(ramp.over()) << "a run does not wait for its operator";
  EXPECT_EQ(ramp.resume(0), (Ramp::Starts{{.site = 0, .connections = 1}}));
  ramp.pause(0);
  EXPECT_TRUE(ramp.no_more(0)) << "who is connected leaves";
  EXPECT_TRUE(ramp.snapshot().front().paused);
}

TEST(Ramp, ASiteTurnedAwayStartsWhenThereIsRoom) {
  Ramp ramp({.threshold = 1, .addresses = {.per_address = 1, .per_network = 9}});
  ramp.scan_ended();
  ramp.routed(0, leg(1), {});
  ramp.routed(1, leg(2), {});
  EXPECT_TRUE(ramp.enter("192.0.2.1"));
  EXPECT_FALSE(ramp.enter("192.0.2.1"));
  EXPECT_TRUE(ramp.turned_away(1, "192.0.2.1").empty());
  EXPECT_TRUE(ramp.routed(1, leg(3), {}).empty()) << "it would be turned away again";
  EXPECT_EQ(ramp.leave("192.0.2.1"), (Ramp::Starts{{.site = 1, .connections = 1}}));
}

TEST(Ramp, AnIdleConnectionGivesWayWhenAllAreTaken) {
  Ramp ramp({.threshold = 1, .connections = 1});
  ramp.routed(0, leg(1), {});
  EXPECT_TRUE(ramp.take(0));
  EXPECT_FALSE(ramp.take(0));
  EXPECT_FALSE(ramp.no_more(0));
  ramp.idle(0);
  EXPECT_EQ(ramp.routed(1, leg(2), {}), (Ramp::Starts{{.site = 0, .wake = 1}}));
  ramp.not_idle(0);
  EXPECT_FALSE(ramp.take(0));
  EXPECT_TRUE(ramp.no_more(0));
  EXPECT_EQ(ramp.closed(0, false), (Ramp::Starts{{.site = 1, .connections = 1}}));
}

TEST(Ramp, AWindowThatWasHalvedSendsConnectionsAway) {
  Ramp ramp({.threshold = 1});
  ramp.scan_ended();
  ramp.learn(0, 16);
  for (unsigned i = 0; i < 100; ++i) ramp.routed(0, leg(i), {});
  EXPECT_EQ(ramp.view(0).open, 8U);
  EXPECT_TRUE(ramp.closed(0, true).empty());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(ramp.take(0)) << "seven, where four may be";
  EXPECT_TRUE(ramp.take(0));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ramp.closed(0, false).empty());
  EXPECT_EQ(ramp.view(0).open, 4U);
}

// A whole run with connections that come, wait, break and go.
class Simulation {
 public:
  Simulation(unsigned seed, Ramp::Settings settings)
      : random_(seed), settings_(settings), ramp_(settings) {}

  void run() {
    while (to_route_ > 0 || !scan_over_ || !ramp_.over()) {
      unsigned event = pick(10);
      if (event < 4 && to_route_ > 0)
        route();
      else if (event == 4 && to_route_ == 0 && !scan_over_)
        end_scan();
      else if (event == 5)
        apply(ramp_.tick(now_ += 20ms));
      else if (event == 6)
        disturb();
      else if (!connections_.empty())
        step(pick(static_cast<unsigned>(connections_.size())));
    }
    EXPECT_EQ(taken_.size() + ramp_.left(), kLegs);
    EXPECT_TRUE(broken_ > 0 || ramp_.left() == 0);
    for (SiteIndex site = 0; site < kSites; ++site)
      EXPECT_TRUE(ramp_.dead(site) || ramp_.ready(site) == 0);
  }

 private:
  static constexpr unsigned kLegs = 400;
  static constexpr unsigned kSites = 6;

  struct Connection {
    SiteIndex site;
    bool idle = false;
    std::string address;       // once it is connected
    std::optional<Leg> apart;  // under way
  };

  unsigned pick(unsigned below) {
    return std::uniform_int_distribution<unsigned>(0, below - 1)(random_);
  }

  // An operator who cannot leave it alone.
  void disturb() {
    SiteIndex site = pick(kSites);
    switch (pick(3)) {
      case 0:
        apply(ramp_.pause(site));
        break;
      case 1:
        apply(ramp_.pace(site, pick(2) * 100));
        break;
      default:
        break;
    }
    // Nothing is paused for long, or a run could end with what it holds.
    apply(ramp_.resume(site));
  }

  void route() {
    // Most go to one site, as mail does.
    SiteIndex site = pick(2) ? 0 : pick(kSites);
    auto lane = static_cast<qrunner::Lane>(pick(3));
    apply(ramp_.routed(site, Leg(leg(--to_route_), lane), now_));
  }

  void end_scan() {
    scan_over_ = true;
    apply(ramp_.scan_ended());
    for (Connection& connection : connections_) wake(connection);
  }

  void wake(Connection& connection) {
    if (!connection.idle) return;
    connection.idle = false;
    ramp_.not_idle(connection.site);
  }

  void apply(const Ramp::Starts& starts) {
    for (const auto& start : starts) {
      std::size_t wake_left = start.wake;
      for (Connection& connection : connections_)
        if (connection.site == start.site && connection.idle && wake_left > 0) {
          --wake_left;
          wake(connection);
        }
      EXPECT_EQ(wake_left, 0U) << "woke more than were waiting";
      for (std::size_t i = 0; i < start.connections; ++i)
        connections_.push_back({start.site, false, "", {}});
    }
    std::vector<std::size_t> open(kSites);
    for (const Connection& connection : connections_) ++open[connection.site];
    for (std::size_t count : open) EXPECT_LE(count, settings_.per_site);
    EXPECT_LE(connections_.size(), settings_.connections);
  }

  void step(std::size_t at) {
    Connection& connection = connections_[at];
    if (connection.idle) return;
    SiteIndex site = connection.site;
    if (connection.address.empty()) return connect(at);
    if (connection.apart) {
      Leg done = *connection.apart;
      connection.apart.reset();
      return apply(ramp_.done(site, done));
    }
    auto leg = ramp_.take(site);
    if (!leg) {
      if (ramp_.no_more(site)) return close(at, false);
      connection.idle = true;
      return ramp_.idle(site);
    }
    unsigned fate = pick(20);
    if (fate == 0) {
      ramp_.give_back(site, *leg);
      return close(at, false);
    }
    EXPECT_TRUE(taken_.insert({site, leg->id.str()}).second) << "a leg started twice";
    if (leg->lane == qrunner::Lane::apart) connection.apart = *leg;
    if (fate == 1) return close(at, true);
    apply(ramp_.succeeded(site));
  }

  void connect(std::size_t at) {
    Connection& connection = connections_[at];
    SiteIndex site = connection.site;
    std::string address = "192.0.2." + std::to_string(pick(2));
    if (ramp_.enter(address)) {
      connection.address = address;
      return;
    }
    connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(at));
    apply(ramp_.turned_away(site, address));
  }

  void close(std::size_t at, bool failed) {
    Connection gone = connections_[at];
    if (failed) ++broken_;
    connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(at));
    auto ending = qrunner::Ending::well;
    if (failed) ending = pick(2) ? qrunner::Ending::failed : qrunner::Ending::crowded;
    apply(ramp_.closed(gone.site, ending));
    if (gone.apart) apply(ramp_.done(gone.site, *gone.apart));
    apply(ramp_.leave(gone.address));
  }

  std::mt19937 random_;
  Ramp::Settings settings_;
  Ramp ramp_;
  Ramp::Instant now_{};
  unsigned to_route_ = kLegs;
  bool scan_over_ = false;
  unsigned broken_ = 0;
  std::vector<Connection> connections_;
  std::set<std::pair<SiteIndex, std::string>> taken_;
};

TEST(Ramp, StartsEachLegExactlyOnceInAnyOrderOfEvents) {
  for (std::size_t threshold :
       {std::size_t{1}, std::size_t{8}, std::size_t{50}, Ramp::kInfinite})
    for (unsigned seed = 1; seed <= 100; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", threshold " +
                   std::to_string(threshold));
      Ramp::Settings settings;
      settings.threshold = threshold;
      settings.per_site = 1 + seed % 7;
      settings.connections = seed % 3 ? 1000 : 4;
      settings.addresses.per_address = seed % 5 ? 20 : 3;
      Simulation(seed, settings).run();
      if (HasFailure()) return;
    }
}

}  // namespace
