// SPDX-License-Identifier: Apache-2.0
#include "qrunner/ramp.h"

#include <algorithm>

namespace qrunner {

namespace {

// Exim keeps 50 ids in one record and acts when it has to begin the next.
constexpr std::size_t kEximRecord = 50;
// Where the threshold says nothing about it (1 and infinite): one connection for so
// many legs.
constexpr std::size_t kUsualShare = 8;
constexpr auto kLookAgain = std::chrono::milliseconds(250);
constexpr std::size_t kMostCredit = 10'000;
// Who has nothing else to do waits that much shorter for a site to fill.
constexpr int kIdleHaste = 20;

Ramp::Start& start_of(SiteIndex site, Ramp::Starts& starts) {
  if (starts.empty() || starts.back().site != site) starts.push_back({.site = site});
  return starts.back();
}

}  // namespace

Ramp::Ramp(const Settings& settings)
    : settings_(settings), addresses_(settings.addresses) {
  settings_.per_site = std::clamp<std::size_t>(settings.per_site, 1, 0xffff);
  window_settings_ = {.start = settings.first_window,
                      .ceiling = settings_.per_site,
                      .fixed = settings.fixed_window,
                      .failures = settings.failures};
}

Ramp::Site& Ramp::at(SiteIndex site) {
  if (site >= sites_.size()) sites_.resize(site + 1, Site(window_settings_));
  return sites_[site];
}

LegLists::List& Ramp::list(Site& site, Lane lane) {
  switch (lane) {
    case Lane::fresh:
      return site.fresh;
    case Lane::retried:
      return site.retried;
    case Lane::apart:
      return site.apart;
  }
  return site.fresh;
}

std::size_t Ramp::legs_a_connection() const {
  bool telling = settings_.threshold > 1 && settings_.threshold != kInfinite;
  return telling ? settings_.threshold : kUsualShare;
}

bool Ramp::serves(const Site& site) const {
  return !stopped_ && !site.paused && (!site.window.dead() || site.probing);
}

// Has it reason to start, or started already?
bool Ramp::ripe(const Site& site) const {
  std::size_t trigger =
      settings_.threshold == kEximRecord ? kEximRecord + 1 : settings_.threshold;
  return scan_ended_ || site.open > 0 || site.ready() >= trigger;
}

// How many legs of the lane apart may be under way: where the window is too small to
// have quarters, one when there is nothing else.
std::size_t Ramp::apart_allowed(const Site& site) const {
  std::size_t quarter = site.window.size(window_settings_, now_) / 4;
  if (quarter > 0) return quarter;
  return site.fresh.empty() && site.retried.empty() ? 1 : 0;
}

std::size_t Ramp::takeable(const Site& site) const {
  std::size_t legs = site.fresh.size + site.retried.size;
  if (site.apart.empty()) return legs;
  std::size_t allowed = apart_allowed(site);
  std::size_t free = allowed > site.apart_out ? allowed - site.apart_out : 0;
  return legs + std::min<std::size_t>(site.apart.size, free);
}

// Connections the ready legs are worth.  Of those that are open, the busy will be back
// for more.
std::size_t Ramp::wanted(const Site& site) const {
  std::size_t share = legs_a_connection();
  std::size_t worth = (takeable(site) + share - 1) / share;
  if (site.probing) return std::min<std::size_t>(worth, 1);
  return std::min(
      {worth, site.window.size(window_settings_, now_), site.pace.connections()});
}

// The site starts, if it may and there is something to do.
void Ramp::wish(SiteIndex index, Starts& starts) {
  Site& site = at(index);
  if (site.turned_away || !serves(site)) return;
  std::size_t legs = takeable(site);
  if (legs == 0) return;
  if (!site.pace.allows(now_)) return time(index);
  if (site.idle > 0)
    start_of(index, starts).wake = std::min<std::size_t>(site.idle, legs);
  if (!site.waits && wanted(site) > site.open) join(index);
}

void Ramp::join(SiteIndex index) {
  Site& site = at(index);
  turns_.join(index, takeable(site), site.round);
  site.waits = true;
  if (site.open > 0) return;
  site.starves = true;
  ++starving_;
}

// Free connections, to those whose turn it is.
void Ramp::deal(Starts& starts) {
  while (open_ < settings_.connections && !turns_.empty()) {
    SiteIndex index = turns_.next();
    Site& site = at(index);
    site.waits = false;
    if (std::exchange(site.starves, false)) --starving_;
    // Things may have changed while it waited.
    if (site.turned_away || !serves(site) || wanted(site) <= site.open) continue;
    site.round = turns_.round();
    site.credit = std::min(site.credit + legs_a_connection(), kMostCredit);
    ++site.open;
    ++open_;
    ++start_of(index, starts).connections;
    if (wanted(site) > site.open) join(index);
  }
  call_idle(starts);
}

// Who waits for late comers gives way to who has something to send.
void Ramp::call_idle(Starts& starts) {
  while (starving_ > leaving_ && !idle_sites_.empty()) {
    SiteIndex index = idle_sites_.back();
    Site& site = at(index);
    bool woken = serves(site) && site.pace.allows(now_) && takeable(site) > 0;
    if (woken || site.idle <= site.called) {
      idle_sites_.pop_back();
      site.has_idle = false;
      continue;
    }
    ++site.called;
    send_away(site);
    Start& start = start_of(index, starts);
    start.wake = std::min<std::size_t>(site.idle, start.wake + 1);
  }
}

void Ramp::send_away(Site& site) {
  if (site.leaving >= site.open) return;
  ++site.leaving;
  ++leaving_;
}

void Ramp::comes_back(Site& site) {
  if (site.leaving == 0) return;
  --site.leaving;
  --leaving_;
}

Ramp::Starts Ramp::routed(SiteIndex index, const Leg& leg, Instant now) {
  see(now);
  Site& site = at(index);
  if (site.ready() == 0) {
    site.since = now_;
    bool waits = site.open == 0 && !scan_ended_ && settings_.threshold != kInfinite;
    if (waits) arrivals_.emplace_back(now_, index);
  }
  legs_.push_back(list(site, leg.lane), PackedId(leg.id));
  ++left_;
  Starts starts;
  if (!ripe(site)) return starts;
  wish(index, starts);
  deal(starts);
  return starts;
}

Ramp::Starts Ramp::scan_ended() {
  scan_ended_ = true;
  arrivals_.clear();
  Starts starts;
  for (SiteIndex index = 0; index < sites_.size(); ++index) wish(index, starts);
  deal(starts);
  return starts;
}

Ramp::Starts Ramp::tick(Instant now) {
  see(now);
  Starts starts;
  while (!timed_.empty() && timed_.begin()->first <= now_) {
    SiteIndex index = timed_.begin()->second;
    timed_.erase(timed_.begin());
    at(index).timed = false;
    if (ripe(at(index))) wish(index, starts);
  }
  while (!arrivals_.empty()) {
    auto [since, index] = arrivals_.front();
    if (now_ - since < (open_ == 0 ? settings_.wait / kIdleHaste : settings_.wait))
      break;
    const Site& site = at(index);
    bool waits = site.open == 0 && site.ready() > 0 && site.since == since;
    if (waits && open_ * 2 >= settings_.connections) break;
    arrivals_.pop_front();
    if (!waits) continue;
    wish(index, starts);
    deal(starts);
  }
  if (addresses_.waits_for_others() && now_ - looked_ >= kLookAgain) {
    looked_ = now_;
    let_in(addresses_.look_again(), starts);
  }
  deal(starts);
  return starts;
}

void Ramp::stop() {
  stopped_ = true;
}

// The lane apart first, or its legs would never come: it is bounded.
Lane Ramp::next_lane(const Site& site) const {
  if (!site.apart.empty() && site.apart_out < apart_allowed(site)) return Lane::apart;
  return site.fresh.empty() ? Lane::retried : Lane::fresh;
}

std::optional<Leg> Ramp::take(SiteIndex index, Instant now) {
  see(now);
  Site& site = at(index);
  if (!serves(site)) return std::nullopt;
  bool others_wait = starving_ > leaving_;
  if (takeable(site) == 0) {
    if (others_wait) send_away(site);
    return std::nullopt;
  }
  std::size_t size = site.window.size(window_settings_, now_);
  bool surplus = site.open > site.leaving + size;
  if (surplus || (others_wait && site.credit == 0)) {
    send_away(site);
    return std::nullopt;
  }
  if (!site.pace.allows(now_)) {
    time(index);
    return std::nullopt;
  }
  site.pace.take(now_);
  if (site.credit > 0) --site.credit;
  Lane lane = next_lane(site);
  if (lane == Lane::apart) ++site.apart_out;
  --left_;
  return Leg(legs_.pop_front(list(site, lane)).id(), lane);
}

void Ramp::give_back(SiteIndex index, const Leg& leg) {
  Site& site = at(index);
  legs_.push_front(list(site, leg.lane), PackedId(leg.id));
  ++left_;
  if (leg.lane == Lane::apart && site.apart_out > 0) --site.apart_out;
}

Ramp::Starts Ramp::done(SiteIndex index, const Leg& leg) {
  Site& site = at(index);
  Starts starts;
  if (leg.lane != Lane::apart || site.apart_out == 0) return starts;
  --site.apart_out;
  if (ripe(site)) wish(index, starts);
  deal(starts);
  return starts;
}

void Ramp::idle(SiteIndex index) {
  Site& site = at(index);
  ++site.idle;
  if (!std::exchange(site.has_idle, true)) idle_sites_.push_back(index);
}

void Ramp::not_idle(SiteIndex index) {
  Site& site = at(index);
  --site.idle;
  if (site.called == 0) return;
  // It was called to leave; now that it stirs, take() decides anew.
  --site.called;
  comes_back(site);
}

Ramp::Starts Ramp::succeeded(SiteIndex index, std::optional<Span> latency, Instant now,
                             bool keep_up) {
  see(now);
  Site& site = at(index);
  site.probing = false;
  std::size_t busy = site.open - site.idle;
  bool all_busy = busy >= site.window.size(window_settings_, now_);
  bool worth_more = all_busy && (keep_up || site.window.answers_late());
  site.window.succeeded(latency, worth_more, window_settings_, now_);
  Starts starts;
  wish(index, starts);
  deal(starts);
  return starts;
}

void Ramp::forget_connection(SiteIndex index) {
  Site& site = at(index);
  comes_back(site);
  --site.open;
  --open_;
  if (site.waits && site.open == 0 && !std::exchange(site.starves, true)) ++starving_;
}

Ramp::Starts Ramp::closed(SiteIndex index, Ending ending, Instant now) {
  see(now);
  Site& site = at(index);
  bool was_dead = site.window.dead();
  if (ending == Ending::failed)
    site.window.failed(site.open, window_settings_, now_);
  else if (ending == Ending::crowded)
    site.window.crowded(site.open, window_settings_, now_);
  if (ending != Ending::well) site.probing = false;
  if (!was_dead && site.window.dead()) died_.push_back(index);
  forget_connection(index);
  Starts starts;
  wish(index, starts);
  deal(starts);
  return starts;
}

Ramp::Starts Ramp::leave(std::string_view address) {
  Starts starts;
  let_in(addresses_.leave(address), starts);
  deal(starts);
  return starts;
}

// There may be room for them by now.
void Ramp::let_in(const std::vector<SiteIndex>& sites, Starts& starts) {
  for (SiteIndex index : sites) {
    Site& site = at(index);
    site.turned_away = false;
    if (ripe(site)) wish(index, starts);
  }
}

Ramp::Starts Ramp::turned_away(SiteIndex index, std::string_view address) {
  Site& site = at(index);
  forget_connection(index);
  Starts starts;
  if (!site.turned_away) site.turned_away = addresses_.wait(address, index);
  wish(index, starts);
  deal(starts);
  return starts;
}

void Ramp::learn(SiteIndex site, double window) {
  at(site).window.learn(window, window_settings_);
}

Ramp::Starts Ramp::probe(SiteIndex index, Instant now) {
  see(now);
  Starts starts;
  if (!dead(index)) return starts;
  at(index).probing = true;
  wish(index, starts);
  deal(starts);
  return starts;
}

Ramp::Starts Ramp::pause(SiteIndex index) {
  Site& site = at(index);
  site.paused = true;
  Starts starts;
  if (site.idle > 0) start_of(index, starts).wake = site.idle;
  return starts;
}

Ramp::Starts Ramp::resume(SiteIndex index) {
  Site& site = at(index);
  site.paused = false;
  Starts starts;
  if (ripe(site)) wish(index, starts);
  deal(starts);
  return starts;
}

Ramp::Starts Ramp::pace(SiteIndex index, double messages_a_second) {
  // Few sites are paced.
  std::erase_if(timed_, [&](const auto& timed) { return timed.second == index; });
  at(index).timed = false;
  at(index).pace = messages_a_second > 0 ? Pace(messages_a_second) : Pace();
  Starts starts;
  if (ripe(at(index))) wish(index, starts);
  deal(starts);
  return starts;
}

// The site goes on when its pace allows it.
void Ramp::time(SiteIndex index) {
  Site& site = at(index);
  if (!std::exchange(site.timed, true)) timed_.emplace(site.pace.at(), index);
}

bool Ramp::no_more(SiteIndex index) const {
  if (stopped_ || index >= sites_.size()) return no_more();
  const Site& site = sites_[index];
  if (site.leaving > site.called || !serves(site)) return true;
  bool paced = site.pace.limited() && takeable(site) > 0;
  return scan_ended_ && !paced;
}

Ramp::Instant Ramp::may_take_at(SiteIndex site) const {
  return site < sites_.size() ? sites_[site].pace.at() : Instant::min();
}

bool Ramp::dead(SiteIndex site) const {
  return site < sites_.size() && sites_[site].window.dead();
}

std::size_t Ramp::ready(SiteIndex site) const {
  return site < sites_.size() ? sites_[site].ready() : 0;
}

Ramp::View Ramp::view(SiteIndex index) const {
  View nothing;
  nothing.site = index;
  if (index >= sites_.size()) return nothing;
  const Site& site = sites_[index];
  return {.site = index,
          .ready = site.ready(),
          .open = site.open,
          .window = site.window.exact(),
          .cap = site.window.cap(now_),
          .latency = site.window.latency(),
          .pace = site.pace.per_second(),
          .dead = site.window.dead(),
          .paused = site.paused};
}

std::vector<Ramp::View> Ramp::snapshot() const {
  std::vector<View> views;
  for (SiteIndex index = 0; index < sites_.size(); ++index) {
    const Site& site = sites_[index];
    if (site.ready() > 0 || site.open > 0 || site.paused || site.window.dead())
      views.push_back(view(index));
  }
  return views;
}

}  // namespace qrunner
