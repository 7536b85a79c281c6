// SPDX-License-Identifier: Apache-2.0
//
// Whole runs against servers that answer, refuse and stall, on a virtual clock.
//
// Statement numbers are those of the queue runner's checklist.  Nothing waits and
// nothing is left to chance: an event happens at its instant, equals in the order they
// were made.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <vector>

#include "qrunner/ramp.h"

namespace {

using qrunner::Ending;
using qrunner::Leg;
using qrunner::Ramp;
using qrunner::SiteIndex;
using namespace std::chrono_literals;
using Instant = Ramp::Instant;
using Span = Ramp::Span;

const Leg& some_leg() {
  static const Leg leg(*spoolfmt::MessageId::parse("1xUj2S-000001-0X"));
  return leg;
}

double seconds(Span span) {
  return std::chrono::duration<double>(span).count();
}

// The far end of a site.
struct Server {
  Span round_trip = 1ms;          // to connect
  Span latency = 1ms;             // of a message
  std::size_t takes = 1'000'000;  // connections; beyond: "421 too many connections"
  bool drops_syn = false;

  // What happened.
  std::size_t open = 0, most_open = 0, attempts = 0, refused = 0, delivered = 0;
  Instant first{}, last{};
};

class World {
 public:
  World(std::size_t sites, Ramp::Settings settings)
      : servers(sites), ramp(settings), settings_(settings), idle_(sites) {
    every_tick();
  }

  // Legs of a site become ready, one each `apart`.
  void route(SiteIndex site, std::size_t legs, Span apart = 0ns) {
    if (legs == 0) return;
    apply(ramp.routed(site, some_leg(), now));
    if (legs > 1) after(apart, [=, this] { route(site, legs - 1, apart); });
  }
  void route_at_once(SiteIndex site, std::size_t legs) {
    for (std::size_t i = 0; i < legs; ++i) apply(ramp.routed(site, some_leg(), now));
  }
  void end_scan() { apply(ramp.scan_ended()); }
  void after(Span span, std::function<void()> what) {
    events_.push({now + span, ++events_made_, std::move(what)});
  }

  // Until nothing more can happen, or for so long.
  void run(Span limit = 24h) {
    Instant end = now + limit;
    while (!events_.empty() && events_.top().at <= end && !ramp.over()) {
      Event event = events_.top();
      events_.pop();
      now = event.at;
      event.what();
    }
    if (!ramp.over()) now = end;
  }

  std::vector<Server> servers;
  Ramp ramp;
  Instant now{1h};

 private:
  static constexpr Span kTick = 50ms;
  static constexpr Span kConnectTimeout = 30s;

  struct Event {
    Instant at;
    std::uint64_t number;
    std::function<void()> what;

    bool operator<(const Event& other) const {
      return std::pair(at, number) > std::pair(other.at, other.number);
    }
  };

  void every_tick() {
    apply(ramp.tick(now));
    after(kTick, [this] { every_tick(); });
  }

  void apply(const Ramp::Starts& starts) {
    for (const Ramp::Start& start : starts) {
      wake(start.site, start.wake);
      for (std::size_t i = 0; i < start.connections; ++i) connect(start.site);
    }
    EXPECT_LE(open_, settings_.connections);
  }

  void wake(SiteIndex site, std::size_t count) {
    for (; count > 0 && idle_[site] > 0; --count) {
      --idle_[site];
      ramp.not_idle(site);
      after(0ns, [=, this] { next(site); });
    }
  }

  // A connection has its first message before it is made.
  void connect(SiteIndex site) {
    Server& server = servers[site];
    ++open_;
    if (!ramp.take(site, now)) return close(site, Ending::well);
    ++server.attempts;
    if (server.drops_syn)
      return after(kConnectTimeout, [=, this] { close(site, Ending::failed); });
    if (server.open >= server.takes) {
      ++server.refused;
      return after(server.round_trip, [=, this] { close(site, Ending::crowded); });
    }
    server.most_open = std::max(server.most_open, ++server.open);
    after(server.round_trip, [=, this] { send(site); });
  }

  void send(SiteIndex site) {
    Server& server = servers[site];
    if (server.first == Instant{}) server.first = now;
    Span latency = server.latency;
    after(latency, [=, this] {
      Server& far = servers[site];
      ++far.delivered;
      far.last = now;
      apply(ramp.succeeded(site, latency, now));
      next(site);
    });
  }

  void next(SiteIndex site) {
    if (ramp.take(site, now)) return send(site);
    if (ramp.no_more(site)) {
      --servers[site].open;
      return close(site, Ending::well);
    }
    ++idle_[site];
    ramp.idle(site);
  }

  void close(SiteIndex site, Ending ending) {
    --open_;
    apply(ramp.closed(site, ending, now));
  }

  Ramp::Settings settings_;
  std::vector<std::size_t> idle_;
  std::priority_queue<Event> events_;
  std::uint64_t events_made_ = 0;
  std::size_t open_ = 0;
};

TEST(RampSimulation, QR22_QR36_AHealthySiteGetsItsCeilingAndNotOneMore) {
  for (Span latency : {Span(50us), Span(20ms), Span(100ms)}) {
    World world(1, {});
    world.servers[0].latency = latency;
    world.route_at_once(0, 5'000);
    world.end_scan();
    world.run();
    EXPECT_EQ(world.servers[0].most_open, 20U);
    EXPECT_EQ(world.servers[0].attempts, 20U) << "and each is used to the end";
    EXPECT_EQ(world.servers[0].delivered, 5'000U);
    // 17 messages open it from 3 to 20: a few round trips, and then as fast as it goes.
    EXPECT_LT(seconds(world.servers[0].last - world.servers[0].first),
              1.05 * 5'000 / 20 * seconds(latency) + 10 * seconds(latency) + 0.01);
  }
}

TEST(RampSimulation, AFarEndThatAnswersAtOnceIsNotHeldUp) {
  World world(1, {});
  world.servers[0].latency = 100us;
  world.route_at_once(0, 60);
  world.end_scan();
  world.run();
  // Sixty messages are worth eight connections, and get them.
  EXPECT_EQ(world.servers[0].most_open, 7U) << "8, had not 3 been sent meanwhile";
}

TEST(RampSimulation, QR37_ASiteThatTakesFiveIsAskedForMoreOnceInTenMinutes) {
  World world(1, {});
  Server& server = world.servers[0];
  server.takes = 5;
  server.latency = 100ms;
  world.route_at_once(0, 400'000);
  world.end_scan();
  world.run(60s);  // to find out
  std::size_t refused = server.refused;
  EXPECT_LE(refused, 20U);
  EXPECT_EQ(server.open, 5U);
  for (int span = 0; span < 3; ++span) {
    world.run(10min);
    EXPECT_LE(server.refused - refused, 1U);
    refused = server.refused;
    EXPECT_LE(server.most_open, 5U);
    EXPECT_EQ(server.open, 5U);
  }
}

TEST(RampSimulation, QR38_ADeadHostCostsOneCohortAndTheOthersNothing) {
  auto time_of_others = [](bool one_is_dead) {
    World world(20, {.connections = 100});
    world.servers[0].drops_syn = one_is_dead;
    for (SiteIndex site = 0; site < 20; ++site) {
      world.servers[site].latency = 20ms;
      world.route_at_once(site, site == 0 ? 5'000 : 2'000);
    }
    world.end_scan();
    world.run();
    Instant last{};
    for (SiteIndex site = 1; site < 20; ++site) {
      EXPECT_EQ(world.servers[site].delivered, 2'000U);
      last = std::max(last, world.servers[site].last);
    }
    if (one_is_dead) {
      EXPECT_TRUE(world.ramp.dead(0));
      EXPECT_EQ(world.ramp.died(), std::vector<SiteIndex>{0});
      EXPECT_TRUE(world.ramp.died().empty()) << "it is told once";
      EXPECT_EQ(world.servers[0].attempts, 3U);
      EXPECT_EQ(world.ramp.ready(0), 4'997U) << "and what was not tried stays";
    }
    return seconds(last - Instant(1h));
  };
  EXPECT_LT(time_of_others(true), time_of_others(false) * 1.05);
}

TEST(RampSimulation, QR38_AProbeFindsOutThatADeadSiteLivesAgain) {
  World world(1, {});
  Server& server = world.servers[0];
  server.drops_syn = true;
  world.route_at_once(0, 1'000);
  world.end_scan();
  world.run(2min);
  EXPECT_EQ(server.attempts, 3U);
  Ramp& ramp = world.ramp;
  Ramp::Starts one{{.site = 0, .connections = 1}};
  EXPECT_EQ(ramp.probe(0, world.now), one);
  EXPECT_TRUE(ramp.take(0));
  EXPECT_TRUE(ramp.closed(0, Ending::failed).empty()) << "as dead as before";
  EXPECT_FALSE(ramp.take(0));
  EXPECT_EQ(ramp.probe(0, world.now), one);
  EXPECT_TRUE(ramp.take(0));
  EXPECT_TRUE(ramp.succeeded(0).empty()) << "a window of one";
  EXPECT_FALSE(ramp.dead(0));
  EXPECT_EQ(ramp.view(0).window, 1.0);
  EXPECT_TRUE(ramp.take(0));
  EXPECT_EQ(ramp.succeeded(0), one) << "and two from there";
}

TEST(RampSimulation, QR39_ThreeMessagesNeverWaitBehindAMillion) {
  struct Row {
    std::size_t connections;
    bool small_ones_come_late;
  };
  for (const Row& row :
       {Row{1'000, false}, Row{10, false}, Row{10, true}, Row{1, true}}) {
    World world(101, {.connections = row.connections});
    for (Server& server : world.servers) server.latency = 20ms;
    world.route_at_once(0, 1'000'000);
    if (row.small_ones_come_late) world.run(30s);
    Instant ready = world.now;
    for (SiteIndex site = 1; site <= 100; ++site) world.route_at_once(site, 3);
    world.end_scan();
    world.run(15s);
    // A turn is eight messages: a small site waits for that, and for small ones before.
    double limit = row.connections == 1 ? 100 * 3 * 0.025 : 5;
    for (SiteIndex site = 1; site <= 100; ++site) {
      EXPECT_EQ(world.servers[site].delivered, 3U) << site;
      EXPECT_LT(seconds(world.servers[site].last - ready), limit) << site;
    }
    EXPECT_GT(world.servers[0].delivered, row.connections == 1 ? 300U : 3'000U)
        << "and the large one goes on";
  }
}

TEST(RampSimulation, QR40_ASlowerFarEndIsNotPressed) {
  World world(1, {.per_site = 200});
  Server& server = world.servers[0];
  server.latency = 100ms;
  world.route_at_once(0, 1'000'000);
  world.end_scan();
  world.run(500ms);
  double before = world.ramp.view(0).window;
  EXPECT_LT(before, 200);
  server.latency = 200ms;
  world.run(2s);  // a mean of some messages tells
  before = world.ramp.view(0).window;
  world.run(55s);
  EXPECT_EQ(world.ramp.view(0).window, before);
}

TEST(RampSimulation, FirstDeliveriesDoNotWaitForASiteWithMostOfTheQueue) {
  constexpr std::size_t kQueue = 20'000;
  World world(51, {});
  for (Server& server : world.servers) server.latency = 20ms;
  Instant begin = world.now;
  // As a scan finds them: in an order without sense, 50,000 a second.
  std::uint64_t random = 1;
  for (std::size_t i = 0; i < kQueue; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    auto pick = static_cast<SiteIndex>(random >> 33);
    SiteIndex site = pick % 5 ? 0 : 1 + pick / 5 % 50;
    world.after(i * Span(20us), [&world, site] { world.route(site, 1); });
  }
  world.after(kQueue * Span(20us), [&world] { world.end_scan(); });
  world.run();
  double sum = 0;
  std::size_t delivered = 0;
  for (const Server& server : world.servers) {
    sum += seconds(server.first + server.latency - begin);
    delivered += server.delivered;
  }
  EXPECT_EQ(delivered, kQueue);
  EXPECT_LT(sum / 51, 0.2);
}

TEST(RampSimulation, APacedSiteKeepsItsPace) {
  for (double pace : {2.0, 50.0, 500.0}) {
    World world(1, {});
    Server& server = world.servers[0];
    EXPECT_TRUE(world.ramp.pace(0, pace).empty());
    world.route_at_once(0, 100'000);
    world.end_scan();
    world.run(100s);
    EXPECT_NEAR(static_cast<double>(server.delivered), 100 * pace, 2 + pace / 5)
        << pace;
    EXPECT_LE(server.attempts, 200U) << "and keeps its connections";
  }
}

}  // namespace
