// SPDX-License-Identifier: Apache-2.0
//
// When is a site worth a connection?  The ramp of a two-phase run, without its waiting.
//
// Routing and delivery overlap: a site starts as soon as enough messages are ready for
// it, long before the whole queue was read, and messages still to come join it.  No
// daemon and no database is needed, because the one process that routes also delivers.
// man/bobbin-schedule.7 tells the idea.  Events go in, connections to make come out;
// the object owns the ready lists, so that each leg is taken exactly once.
//
// How many connections a site bears is told by its Window, whose turn it is when there
// are not enough for all by Turns, what an address bears by AddressLimits.  No event
// but the end of the scan costs more because there are many sites.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "qrunner/address_limits.h"
#include "qrunner/leg_lists.h"
#include "qrunner/pace.h"
#include "qrunner/sites.h"
#include "qrunner/turns.h"
#include "qrunner/window.h"
#include "spoolfmt/message_id.h"

namespace qrunner {

// Where a leg waits at its site.
enum class Lane : std::uint8_t {
  fresh,
  retried,  // failed earlier: behind the fresh ones
  apart,    // large, or near its ultimate time-out: a quarter of the window at most
};

// A message at a site: the site is known from where the leg waits.  An id is a fresh
// leg, and a leg can stand for its id.
struct Leg {
  Leg(const spoolfmt::MessageId& message, Lane place = Lane::fresh)
      : id(message), lane(place) {}
  operator const spoolfmt::MessageId&() const { return id; }

  spoolfmt::MessageId id;
  Lane lane;
};

// How a connection ended.
enum class Ending : std::uint8_t {
  well,
  failed,   // not connected, greeted with 4xx, 421, lost before a dot
  crowded,  // the far end said: too many connections
};

class Ramp {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  using Span = std::chrono::nanoseconds;
  static constexpr std::size_t kInfinite = std::numeric_limits<std::size_t>::max();

  struct Settings {
    // Ready legs that start a site.  1: at once.  50: as Exim counts, whose trigger is
    // the 51st message.  kInfinite: two strict phases.
    std::size_t threshold = 8;
    std::chrono::nanoseconds wait = std::chrono::milliseconds(200);
    std::size_t per_site = 20;       // connections
    std::size_t connections = 1000;  // in all
    std::size_t failures = 3;        // in a row, at least: the site is dead
    std::size_t first_window = 3;    // connections to a site we know nothing of
    bool fixed_window = false;       // per_site from the first message on
    AddressLimits::Settings addresses{};
  };

  // Make so many connections to a site, and wake so many that wait there.
  struct Start {
    SiteIndex site = 0;
    std::size_t connections = 0;
    std::size_t wake = 0;

    bool operator==(const Start&) const = default;
  };
  using Starts = std::vector<Start>;

  // What an operator wants to see of a site.
  struct View {
    SiteIndex site = 0;
    std::size_t ready = 0, open = 0;
    double window = 0;
    std::optional<std::size_t> cap;  // the far end said so
    std::optional<Span> latency;     // of the reply to a message, smoothed
    double pace = 0;                 // messages a second; 0: as fast as it goes
    bool dead = false, paused = false;
  };

  explicit Ramp(const Settings& settings);

  // An event without an instant happens at the latest that was told.

  // A leg is ready.
  Starts routed(SiteIndex site, const Leg& leg, Instant now);
  // Everything was routed: what waits, starts.
  Starts scan_ended();
  // Time passed: is a leg waiting for too long, while connections are to spare?  May
  // a paced site go on?
  Starts tick(Instant now);
  // Nothing more is started or taken: the run ends early.
  void stop();

  // A connection asks for its next leg.  If it gets none it leaves when no_more(site)
  // says so; else it may wait, and is woken when asking makes sense again.
  std::optional<Leg> take(SiteIndex site, Instant now = {});
  // A leg that was taken and not tried goes back to the head of its list.
  void give_back(SiteIndex site, const Leg& leg);
  // A leg of Lane::apart that was taken and not given back is over, in whatever way.
  [[nodiscard]] Starts done(SiteIndex site, const Leg& leg);
  // A connection has nothing to do, and will wait; woken again, or given up waiting.
  void idle(SiteIndex site);
  void not_idle(SiteIndex site);
  // A connection sent a message: the site lives.  `latency`: from its start to its
  // reply.  `keep_up`: our own side did, so that it could have been more;
  // where the far end is slow, it could in any case.
  [[nodiscard]] Starts succeeded(SiteIndex site, std::optional<Span> latency = {},
                                 Instant now = {}, bool keep_up = true);
  // A connection is gone.
  Starts closed(SiteIndex site, Ending ending, Instant now = {});
  Starts closed(SiteIndex site, bool failed) {
    return closed(site, failed ? Ending::failed : Ending::well);
  }

  // Addresses are counted from enter(), which a connection asks before it connects,
  // to leave().
  bool enter(std::string_view address) { return addresses_.enter(address); }
  Starts leave(std::string_view address);
  // Sites wait for room that connections of other processes take; ticks ask again.
  bool waits_for_others() const { return addresses_.waits_for_others(); }
  // A connection is gone because each address is full, this one, too.
  Starts turned_away(SiteIndex site, std::string_view address);

  // The window another run learned; before the site's first leg.
  void learn(SiteIndex site, double window);
  // Sites that died since this was last asked; what was not taken stays.
  std::vector<SiteIndex> died() { return std::exchange(died_, {}); }
  // The retry time of a dead site has come: one connection shall find out.
  Starts probe(SiteIndex site, Instant now);

  // The operator's hand.  A rate of 0 is as fast as it goes.
  Starts pause(SiteIndex site);
  Starts resume(SiteIndex site);
  Starts pace(SiteIndex site, double messages_a_second);

  // No leg will come to a connection that finds none now: to any, to one of the site.
  bool no_more() const { return scan_ended_ || stopped_; }
  bool no_more(SiteIndex site) const;
  // No connection is open, and no event but an operator's or a probe would make one.
  bool over() const { return no_more() && open_ == 0 && (stopped_ || timed_.empty()); }
  // When a paced site may take its next leg, for who wants to know it better than by
  // ticks.
  Instant may_take_at(SiteIndex site) const;
  bool dead(SiteIndex site) const;
  std::size_t ready(SiteIndex site) const;
  std::size_t left() const { return left_; }  // legs never taken
  View view(SiteIndex site) const;
  // All sites that have legs, connections or trouble.
  std::vector<View> snapshot() const;

 private:
  struct Site {
    explicit Site(const Window::Settings& settings) : window(settings) {}

    std::size_t ready() const { return fresh.size + retried.size + apart.size; }

    Window window;
    Pace pace;
    Instant since;  // the lists have not been empty from then on
    LegLists::List fresh, retried, apart;
    std::uint32_t round = 0;      // of its last turn
    std::uint16_t open = 0;       // connections, from when they were told
    std::uint16_t idle = 0;       // of them
    std::uint16_t called = 0;     // of the idle: shall wake and leave
    std::uint16_t leaving = 0;    // of the open: shall close
    std::uint16_t apart_out = 0;  // legs of that lane that are under way
    std::size_t credit = 0;       // legs it may take though others wait for a turn
    bool paused = false;
    bool probing = false;
    bool turned_away = false;  // waits for room at an address
    bool waits = false;        // for its turn
    bool starves = false;      // ... without a connection
    bool timed = false;        // is in timed_
    bool has_idle = false;     // is in idle_sites_
  };

  Site& at(SiteIndex site);
  LegLists::List& list(Site& site, Lane lane);
  void see(Instant now) { now_ = std::max(now_, now); }
  std::size_t legs_a_connection() const;

  bool serves(const Site& site) const;
  bool ripe(const Site& site) const;
  std::size_t apart_allowed(const Site& site) const;
  std::size_t takeable(const Site& site) const;
  std::size_t wanted(const Site& site) const;
  Lane next_lane(const Site& site) const;

  void wish(SiteIndex index, Starts& starts);
  void join(SiteIndex index);
  void deal(Starts& starts);
  void call_idle(Starts& starts);
  void send_away(Site& site);
  void comes_back(Site& site);
  void forget_connection(SiteIndex index);
  void let_in(const std::vector<SiteIndex>& sites, Starts& starts);
  void time(SiteIndex index);

  Settings settings_;
  Window::Settings window_settings_;
  Instant now_{};
  Instant looked_{};  // for room that others left
  std::vector<Site> sites_;
  LegLists legs_;
  Turns turns_;
  AddressLimits addresses_;
  std::vector<SiteIndex> died_;
  // Sites whose first leg came then, in this order; some started meanwhile.
  std::deque<std::pair<Instant, SiteIndex>> arrivals_;
  std::set<std::pair<Instant, SiteIndex>> timed_;  // paced sites: when they go on
  std::vector<SiteIndex> idle_sites_;              // some of them busy again
  std::size_t left_ = 0;
  std::size_t open_ = 0;
  std::size_t leaving_ = 0;   // of the open
  std::size_t starving_ = 0;  // sites
  bool scan_ended_ = false;
  bool stopped_ = false;
};

}  // namespace qrunner
