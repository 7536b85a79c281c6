// SPDX-License-Identifier: Apache-2.0
#include "qrunner/live_view.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "spoolfmt/boards.h"

namespace qrunner {

namespace {

using base::BoardPage;
using base::Cell;

constexpr auto kInterval = std::chrono::milliseconds(250);
constexpr int kCostLimit = 100;  // what writing costs is that small a part of the time
constexpr std::size_t kRows = 1000;
constexpr std::size_t kLongestReply = 200;

Cell number(std::integral auto count) {
  return static_cast<double>(count);
}

Cell seconds(base::Time time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// What the far end said last, or what kept us from it.
std::string reply_of(const Verdict& verdict) {
  std::string text = verdict.confirmation;
  if (text.empty() && verdict.reply)
    text = std::to_string(verdict.reply->code) + " " + verdict.reply->text;
  if (text.empty()) text = verdict.trouble.text;
  if (text.empty()) text = verdict.trouble.system_text;
  std::ranges::replace(text, '\n', ' ');
  return text.substr(0, kLongestReply);
}

// "2.5": of a rate, which nobody wants to write with an exponent.
std::optional<double> to_rate(std::string_view text) {
  auto point = text.find('.');
  auto whole = base::to_number(text.substr(0, point));
  if (!whole || *whole > 1'000'000) return std::nullopt;
  if (point == text.npos) return static_cast<double>(*whole);
  std::string_view digits = text.substr(point + 1);
  auto part = base::to_number(digits);
  if (!part || digits.size() > 6) return std::nullopt;
  return static_cast<double>(*whole) +
         static_cast<double>(*part) / std::pow(10, digits.size());
}

}  // namespace

LiveView::LiveView(std::filesystem::path spool, std::string queue, Ramp& ramp,
                   const Sites& sites, const Tally& tally, const base::Clock& clock)
    : spool_(std::move(spool)),
      queue_(std::move(queue)),
      ramp_(ramp),
      sites_(sites),
      tally_(tally),
      clock_(clock),
      since_(clock.now()) {}

LiveView::Figures& LiveView::at(SiteIndex site) {
  if (figures_.size() <= site) figures_.resize(site + 1);
  return figures_[site];
}

void LiveView::routed(SiteIndex site, base::Time received) {
  Figures& figures = at(site);
  if (ramp_.ready(site) == 0) figures.oldest.reset();
  figures.oldest = std::min(figures.oldest.value_or(received), received);
}

void LiveView::settled(SiteIndex site, const Settlement& settlement) {
  Figures& figures = at(site);
  for (const Verdict& verdict : settlement.verdicts) {
    switch (verdict.kind) {
      case Verdict::Kind::delivered:
        ++figures.delivered;
        ++all_.delivered;
        break;
      case Verdict::Kind::failed:
        ++figures.failed;
        break;
      case Verdict::Kind::deferred:
        ++figures.deferred;
        break;
      case Verdict::Kind::elsewhere:
        break;
      case Verdict::Kind::untried:
        continue;
    }
    figures.last_reply = reply_of(verdict);
  }
}

BoardPage::Row LiveView::row(const Ramp::View& site, Instant now) {
  Figures& figures = at(site.site);
  std::string name = site.site == kDesk ? "(desk)" : sites_.at(site.site).name;
  BoardPage::Row row = {number(site.site), std::move(name), number(site.ready),
                        number(site.open), site.window};
  row.push_back(site.cap ? number(*site.cap) : Cell());
  row.emplace_back(figures.rate.look(figures.delivered, now));
  row.push_back(
      site.latency
          ? Cell(std::chrono::duration<double, std::milli>(*site.latency).count())
          : Cell());
  row.push_back(figures.oldest ? seconds(*figures.oldest) : Cell());
  row.push_back(number(figures.delivered));
  row.push_back(number(figures.deferred));
  row.push_back(number(figures.failed));
  row.emplace_back(figures.last_reply);
  row.emplace_back(site.dead);
  row.emplace_back(site.paused);
  row.push_back(site.pace > 0 ? Cell(site.pace) : Cell());
  return row;
}

BoardPage LiveView::page(Instant now) {
  std::vector<Ramp::View> sites = ramp_.snapshot();
  auto busier = [](const Ramp::View& a, const Ramp::View& b) {
    return std::pair(a.ready + a.open, b.site) > std::pair(b.ready + b.open, a.site);
  };
  std::size_t shown = std::min(sites.size(), kRows);
  auto middle = sites.begin() + static_cast<std::ptrdiff_t>(shown);
  std::partial_sort(sites.begin(), middle, sites.end(), busier);
  std::size_t ready = 0, open = 0, rest_ready = 0, rest_open = 0;
  for (auto site = sites.begin(); site != sites.end(); ++site) {
    ready += site->ready;
    open += site->open;
    if (site < middle) continue;
    rest_ready += site->ready;
    rest_open += site->open;
  }

  BoardPage page;
  page.written = clock_.now();
  page.facts = {{"queue", queue_},
                {"rate", all_.rate.look(all_.delivered, now)},
                {"ready", number(ready)},
                {"open", number(open)},
                {"finished", number(tally_.completed.load())},
                {"kept", number(tally_.remaining.load())},
                {"delivered", number(tally_.delivered.load())},
                {"deferred", number(tally_.deferred.load())},
                {"failed", number(tally_.failed.load())},
                {"locked", number(tally_.locked.load())},
                {"foreign", number(tally_.foreign.load())},
                {"not_due", number(tally_.not_due.load())},
                {"connections", number(tally_.connections.load())},
                {"sites", number(sites.size())},
                {"rest_sites", number(sites.size() - shown)},
                {"rest_ready", number(rest_ready)},
                {"rest_open", number(rest_open)}};
  page.columns = {"number",     "site",    "ready",  "open",      "window",   "cap",
                  "rate",       "latency", "oldest", "delivered", "deferred", "failed",
                  "last_reply", "dead",    "paused", "pace"};
  page.rows.reserve(shown);
  for (auto site = sites.begin(); site != middle; ++site)
    page.rows.push_back(row(*site, now));
  return page;
}

void LiveView::hang_out() {
  if (std::exchange(tried_, true)) return;
  auto board = spoolfmt::hang_out(spool_, "run", since_);
  if (board) board_ = std::move(*board);
}

Ramp::Starts LiveView::tick(Instant now) {
  Ramp::Starts starts;
  // A run that is over at once leaves no trace.
  if (!next_) next_ = now + kInterval;
  if (now < *next_ && !board_) return starts;
  hang_out();
  if (!board_) return starts;
  board_->serve([&](std::string_view wish) -> base::Result<void> {
    Ramp::Starts made = TRY(grant(wish));
    starts.insert(starts.end(), made.begin(), made.end());
    show(now);  // who asked looks as soon as this is answered
    return {};
  });
  if (now >= *next_) show(now);
  return starts;
}

void LiveView::show(Instant now) {
  auto begun = std::chrono::steady_clock::now();
  board_->show(page(now));
  auto cost = std::chrono::steady_clock::now() - begun;
  next_ = now + std::max<std::chrono::nanoseconds>(kInterval, cost * kCostLimit);
}

bool LiveView::holds() const {
  return std::ranges::any_of(handled_, [&](SiteIndex site) {
    Ramp::View view = ramp_.view(site);
    return view.ready > 0 && !view.dead && (view.paused || view.pace > 0);
  });
}

base::Result<SiteIndex> LiveView::find(std::string_view site) const {
  if (auto number = base::to_number(site); number && *number < sites_.size())
    return static_cast<SiteIndex>(*number);
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    auto index = static_cast<SiteIndex>(i);
    if (index != kDesk && base::equal_nocase(sites_.at(index).name, site)) return index;
  }
  return base::fail(base::Code::not_found,
                    "no site '" + std::string(site) + "' in this run");
}

base::Result<Ramp::Starts> LiveView::grant(std::string_view wish) {
  auto next_word = [&] {
    auto end = std::min(wish.find(' '), wish.size());
    std::string_view word = wish.substr(0, end);
    wish.remove_prefix(std::min(end + 1, wish.size()));
    return word;
  };
  std::string_view verb = next_word();
  std::optional<double> pace;
  if (verb == "pace") {
    pace = to_rate(next_word());
    if (!pace) return base::fail(base::Code::usage, "that is no rate");
  } else if (verb != "pause" && verb != "resume") {
    return base::fail(base::Code::usage, "'" + std::string(verb) + "': no such wish");
  }
  SiteIndex site = TRY(find(wish));
  handled_.insert(site);
  if (pace) return ramp_.pace(site, *pace);
  return verb == "pause" ? ramp_.pause(site) : ramp_.resume(site);
}

}  // namespace qrunner
