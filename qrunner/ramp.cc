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

}  // namespace

Ramp::Site& Ramp::at(SiteIndex site) {
  if (site >= sites_.size()) sites_.resize(site + 1);
  return sites_[site];
}

std::size_t Ramp::legs_a_connection() const {
  bool telling = settings_.threshold > 1 && settings_.threshold != kInfinite;
  return telling ? settings_.threshold : kUsualShare;
}

// As many connections as the ready legs are worth, waiting ones first.
void Ramp::start(SiteIndex index, Starts& starts) {
  Site& site = at(index);
  if (stopped_ || is_dead(site) || site.ready.empty()) return;
  std::size_t share = legs_a_connection();
  std::size_t worth = (site.ready.size() + share - 1) / share;
  std::size_t most = std::min(worth, settings_.per_site);
  std::size_t free = settings_.connections - open_;
  Start result;
  result.site = index;
  result.wake = std::min(site.idle, site.ready.size());
  // Of the open ones, the busy will be back for more.
  if (most > site.open) result.connections = std::min(most - site.open, free);
  if (result.connections == 0 && result.wake == 0) return;
  site.open += result.connections;
  open_ += result.connections;
  starts.push_back(result);
}

Ramp::Starts Ramp::routed(SiteIndex index, Leg leg, Instant now) {
  Site& site = at(index);
  if (site.ready.empty()) site.since = now;
  site.ready.push_back(leg);
  std::size_t trigger =
      settings_.threshold == kEximRecord ? kEximRecord + 1 : settings_.threshold;
  Starts starts;
  if (scan_ended_ || site.open > 0 || site.ready.size() >= trigger)
    start(index, starts);
  return starts;
}

Ramp::Starts Ramp::scan_ended() {
  scan_ended_ = true;
  // Small sites first: three messages never wait behind a million.
  std::vector<SiteIndex> order(sites_.size());
  for (SiteIndex i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {},
                           [&](SiteIndex i) { return sites_[i].ready.size(); });
  Starts starts;
  for (SiteIndex index : order) start(index, starts);
  return starts;
}

Ramp::Starts Ramp::tick(Instant now) {
  Starts starts;
  if (settings_.threshold == kInfinite || scan_ended_) return starts;
  for (SiteIndex index = 0; index < sites_.size(); ++index) {
    if (open_ * 2 >= settings_.connections) break;
    const Site& site = sites_[index];
    if (site.open == 0 && !site.ready.empty() && now - site.since >= settings_.wait)
      start(index, starts);
  }
  return starts;
}

void Ramp::stop() {
  stopped_ = true;
}

std::optional<Leg> Ramp::take(SiteIndex index) {
  Site& site = at(index);
  if (stopped_ || is_dead(site) || site.ready.empty()) return std::nullopt;
  Leg leg = site.ready.front();
  site.ready.pop_front();
  return leg;
}

void Ramp::give_back(SiteIndex index, Leg leg) {
  at(index).ready.push_front(leg);
}

void Ramp::idle(SiteIndex site) {
  ++at(site).idle;
}

void Ramp::not_idle(SiteIndex site) {
  --at(site).idle;
}

void Ramp::succeeded(SiteIndex site) {
  at(site).failures = 0;
}

Ramp::Starts Ramp::closed(SiteIndex index, bool failed) {
  Site& site = at(index);
  --site.open;
  --open_;
  if (failed) ++site.failures;
  Starts starts;
  bool had_started = scan_ended_ || settings_.threshold != kInfinite;
  if (had_started) start(index, starts);
  // A slot is free for whoever found none.
  for (SiteIndex other = 0; scan_ended_ && other < sites_.size(); ++other)
    if (other != index && open_ < settings_.connections && sites_[other].open == 0)
      start(other, starts);
  return starts;
}

bool Ramp::dead(SiteIndex site) const {
  return site < sites_.size() && is_dead(sites_[site]);
}

std::size_t Ramp::ready(SiteIndex site) const {
  return site < sites_.size() ? sites_[site].ready.size() : 0;
}

std::size_t Ramp::left() const {
  std::size_t legs = 0;
  for (const Site& site : sites_) legs += site.ready.size();
  return legs;
}

}  // namespace qrunner
