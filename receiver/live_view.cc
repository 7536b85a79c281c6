// SPDX-License-Identifier: Apache-2.0
#include "receiver/live_view.h"

#include <concepts>
#include <utility>

namespace receiver {

namespace {

using base::Cell;

Cell number(std::integral auto count) {
  return static_cast<double>(count);
}

struct Sums {
  std::uint64_t open = 0, sessions = 0, accepted = 0, bytes = 0, refused_4xx = 0,
                refused_5xx = 0;

  Sums& operator+=(const Sums& more) {
    open += more.open;
    sessions += more.sessions;
    accepted += more.accepted;
    bytes += more.bytes;
    refused_4xx += more.refused_4xx;
    refused_5xx += more.refused_5xx;
    return *this;
  }
};

Sums sums_of(const LiveView::Door& door) {
  Sums sums;
  for (const Tally* one : door.tallies)
    sums += {one->open.get(),  one->sessions.get(),    one->accepted.get(),
             one->bytes.get(), one->refused_4xx.get(), one->refused_5xx.get()};
  return sums;
}

}  // namespace

LiveView::LiveView(base::SharedBoard board, std::string queue, std::vector<Door> doors,
                   const base::Clock& clock)
    : board_(std::move(board)),
      queue_(std::move(queue)),
      doors_(std::move(doors)),
      clock_(clock),
      rates_(doors_.size()) {}

void LiveView::show(const State& state, Instant now) {
  board_.show(page(state, now));
}

base::BoardPage LiveView::page(const State& state, Instant now) {
  base::BoardPage page;
  page.written = clock_.now();
  page.columns = {"address",  "open",  "sessions",    "rate",
                  "accepted", "bytes", "refused_4xx", "refused_5xx"};
  Sums all;
  for (std::size_t i = 0; i < doors_.size(); ++i) {
    Sums sums = sums_of(doors_[i]);
    all += sums;
    page.rows.push_back({doors_[i].address, number(sums.open), number(sums.sessions),
                         rates_[i].look(sums.accepted, now), number(sums.accepted),
                         number(sums.bytes), number(sums.refused_4xx),
                         number(sums.refused_5xx)});
  }
  page.facts = {{"queue", queue_},
                {"draining", state.draining},
                {"rate", rate_.look(all.accepted, now)},
                {"open", number(all.open)},
                {"limit", state.limit > 0 ? number(state.limit) : Cell()},
                {"awaiting_disk", number(state.awaiting_disk)},
                {"sessions", number(all.sessions)},
                {"accepted", number(all.accepted)},
                {"bytes", number(all.bytes)},
                {"refused_4xx", number(all.refused_4xx)},
                {"refused_5xx", number(all.refused_5xx)}};
  return page;
}

}  // namespace receiver
