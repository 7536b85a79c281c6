// SPDX-License-Identifier: Apache-2.0
//
// A run on its board (base/shared_board.h): what bobbin-top(1) shows of it and does to
// it (spec/queue-run.md 13.12).
//
// The board is written four times a second, or as often as one percent of the time
// lets: with very many sites that is less often, and a reader still never waits.  Sites
// beyond the busiest are told as a sum.  All on the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/shared_board.h"
#include "base/smooth_rate.h"
#include "qrunner/books.h"
#include "qrunner/ramp.h"
#include "qrunner/settlement.h"
#include "qrunner/sites.h"

namespace qrunner {

class LiveView {
 public:
  using Instant = Ramp::Instant;

  // All must outlive it.
  LiveView(std::filesystem::path spool, std::string queue, Ramp& ramp,
           const Sites& sites, const Tally& tally, const base::Clock& clock);

  // A message received then is ready for the site.
  void routed(SiteIndex site, base::Time received);
  // A transaction is over.
  void settled(SiteIndex site, const Settlement& settlement);

  // Time passed: does what operators ask, and writes the board.  Without one, because
  // there cannot be a file, it does nothing.
  Ramp::Starts tick(Instant now);

  // Legs wait for an operator to say go on, or for a pace an operator gave.
  bool holds() const;

  // What is on the board.
  base::BoardPage page(Instant now);
  // "pause SITE", "resume SITE", "pace RATE SITE": a site's name or its number here.
  base::Result<Ramp::Starts> grant(std::string_view wish);

 private:
  // What a site did in this run.
  struct Figures {
    std::uint64_t delivered = 0, deferred = 0, failed = 0;  // recipients
    std::optional<base::Time> oldest;  // of what came since it had nothing
    std::string last_reply;
    base::SmoothRate rate;  // of deliveries
  };

  Figures& at(SiteIndex site);
  base::BoardPage::Row row(const Ramp::View& site, Instant now);
  base::Result<SiteIndex> find(std::string_view site) const;
  void hang_out();
  void show(Instant now);

  const std::filesystem::path spool_;
  const std::string queue_;
  Ramp& ramp_;
  const Sites& sites_;
  const Tally& tally_;
  const base::Clock& clock_;
  const base::Time since_;
  std::optional<base::SharedBoard> board_;
  bool tried_ = false;  // to make it
  std::optional<Instant> next_;
  std::vector<Figures> figures_;  // by site
  Figures all_;
  std::set<SiteIndex> handled_;  // by an operator
};

}  // namespace qrunner
