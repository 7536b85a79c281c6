// SPDX-License-Identifier: Apache-2.0
//
// When is a site worth a connection?  The ramp of a two-phase run, without its waiting.
//
// Routing and delivery overlap: a site starts as soon as enough messages are ready for
// it, long before the whole queue was read, and messages still to come join it.  No
// daemon and no database is needed, because the one process that routes also delivers.
// man/bobbin-schedule.7 tells the idea.  Events go in, connections to make come out;
// the object owns the ready lists, so that each leg is taken exactly once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "qrunner/route_phase.h"
#include "spoolfmt/message_id.h"

namespace qrunner {

// A message at a site: the site is known from where the leg waits.
using Leg = spoolfmt::MessageId;

class Ramp {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kInfinite = std::numeric_limits<std::size_t>::max();

  struct Settings {
    // Ready legs that start a site.  1: at once.  50: as Exim counts, whose trigger is
    // the 51st message.  kInfinite: two strict phases.
    std::size_t threshold = 8;
    std::chrono::nanoseconds wait = std::chrono::milliseconds(200);
    std::size_t per_site = 20;       // connections
    std::size_t connections = 1000;  // in all
    std::size_t failures = 3;        // in a row: the site is dead for this run
  };

  // Make so many connections to a site, and wake so many that wait there.
  struct Start {
    SiteIndex site = 0;
    std::size_t connections = 0;
    std::size_t wake = 0;

    bool operator==(const Start&) const = default;
  };
  using Starts = std::vector<Start>;

  explicit Ramp(Settings settings) : settings_(settings) {}

  // A leg is ready.
  Starts routed(SiteIndex site, Leg leg, Instant now);
  // Everything was routed: what waits, starts.
  Starts scan_ended();
  // Time passed: is a leg waiting for too long, while connections are to spare?
  Starts tick(Instant now);
  // Nothing more is started or taken: the run ends early.
  void stop();

  // A connection asks for its next leg.
  std::optional<Leg> take(SiteIndex site);
  // A leg that was taken and not tried goes back to the head of its list.
  void give_back(SiteIndex site, Leg leg);
  // A connection has nothing to do, and will wait; woken again, or given up waiting.
  void idle(SiteIndex site);
  void not_idle(SiteIndex site);
  // A connection sent a message: the site lives.
  void succeeded(SiteIndex site);
  // A connection is gone.
  Starts closed(SiteIndex site, bool failed);

  // No leg will come to a connection that finds none now.
  bool no_more() const { return scan_ended_ || stopped_; }
  bool dead(SiteIndex site) const;
  std::size_t ready(SiteIndex site) const;
  std::size_t left() const;  // legs never taken

 private:
  struct Site {
    std::deque<Leg> ready;
    Instant since;  // the list has not been empty from then on
    std::size_t open = 0;
    std::size_t idle = 0;
    std::size_t failures = 0;  // connections in a row
  };

  Site& at(SiteIndex site);
  bool is_dead(const Site& site) const { return site.failures >= settings_.failures; }
  std::size_t legs_a_connection() const;
  void start(SiteIndex index, Starts& starts);

  Settings settings_;
  std::vector<Site> sites_;
  std::size_t open_ = 0;
  bool scan_ended_ = false;
  bool stopped_ = false;
};

}  // namespace qrunner
