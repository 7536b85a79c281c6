// SPDX-License-Identifier: Apache-2.0
#include "qrunner/queue_run.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>
#include <thread>

#include "base/failures.h"
#include "base/text.h"
#include "qrunner/delivery.h"

namespace qrunner {

namespace {

constexpr unsigned kDiskThreads = 8;
constexpr auto kTick = std::chrono::milliseconds(50);
constexpr auto kSweep = std::chrono::milliseconds(100);
// Transactions under way when we are told to end may take so long.
constexpr auto kDrain = std::chrono::seconds(60);
// Enough to make a hand-over to the loop cheap, few enough that the first come at once.
constexpr std::size_t kBatch = 64;

std::chrono::steady_clock::time_point now() {
  return std::chrono::steady_clock::now();
}

// A message as the scan hands it to the loop.
struct Found {
  spoolfmt::MessageId id;
  std::vector<SiteIndex> sites;  // none: everybody has it
};

class QueueRun {
 public:
  QueueRun(const spoolfmt::Spool& spool, const Request& request, const Site& smarthost,
           const RunSettings& settings, base::MainLog& log)
      : spool_(spool),
        request_(request),
        settings_(settings),
        log_(log),
        sites_{smarthost},
        books_{log,
               clock_,
               sweep_,
               tally_,
               settings.message_logs,
               settings.preserve_message_logs},
        ramp_(settings.ramp),
        connections_(loop_),
        settlements_(loop_),
        conductor_(loop_),
        scan_over_(loop_),
        pool_(kDiskThreads),
        shop_{spool,  request, site_of_, sites_,       settings.helo_name,
              books_, loop_,   pool_,    connections_, settlements_,
              ramp_,  {},      {},       {},           {}} {
    shop_.news.emplace_back(loop_);
    shop_.start = [this](const Ramp::Starts& starts) { start(starts); };
    shop_.trouble = [this](const base::Error& error) { trouble(error); };
    shop_.disaster = [this](const base::Error& error) { disaster(error); };
  }

  base::Result<void> run() {
    auto begun = now();
    loop_.on_signals({SIGTERM, SIGINT}, [this](int) { end_early(); });
    conductor_.spawn(conduct());
    conductor_.spawn(tick());
    conductor_.spawn(sweep());
    std::thread scanner([this] { scan_queue(); });
    loop_.run();
    scanner.join();
    if (auto swept = sweep_.flush(); !swept) disaster(swept.error());
    if (auto logged = write_summary(now() - begun); !logged) disaster(logged.error());
    if (disaster_) return std::unexpected(*disaster_);
    return failures_.result();
  }

 private:
  // On the scanner's thread.
  void scan_queue() {
    std::vector<Found> batch;
    auto hand_over = [&] {
      loop_.post([this, found = std::move(batch)] { route(found); });
      batch.clear();
    };
    auto last = now();
    ScanEvents events;
    events.due = [&](const Due& due) {
      batch.push_back({due.id, legs(due.recipients, site_of_)});
      if (batch.size() < kBatch && now() - last < kTick) return;
      hand_over();
      last = now();
    };
    events.frozen = [&](const spoolfmt::MessageId& id) {
      auto logged = log_.write(id.text(), "Message is frozen");
      if (!logged) report(logged.error());
    };
    events.trouble = [&](const base::Error& error) {
      loop_.post([this, error] { trouble(error); });
    };
    events.stop = [&] { return stopped_.load(); };
    auto counts = scan(spool_, request_, settings_.order, events);
    if (!counts) report(counts.error());
    hand_over();
    loop_.post([this, counts] {
      if (counts) counts_ = *counts;
      start(ramp_.scan_ended());
      for (net::Event& news : shop_.news) news.open();
      scan_over_.open();
    });
  }

  void report(const base::Error& error) {
    loop_.post([this, error] { disaster(error); });
  }

  void route(const std::vector<Found>& found) {
    for (const Found& message : found) {
      if (request_.local_only) continue;  // no local transports: nothing is for us
      if (message.sites.empty()) connections_.spawn(bury(shop_, message.id));
      for (SiteIndex site : message.sites) start(ramp_.routed(site, message.id, now()));
    }
  }

  void start(const Ramp::Starts& starts) {
    for (const Ramp::Start& start : starts) {
      if (start.wake > 0) shop_.news[start.site].open();
      for (std::size_t i = 0; i < start.connections; ++i)
        connections_.spawn(deliver(shop_, start.site));
    }
  }

  asio::awaitable<void> conduct() {
    co_await scan_over_.wait();
    // A task that ends may have started others, or left work for the settlements.
    while (connections_.size() + settlements_.size() > 0) {
      co_await connections_.wait();
      co_await settlements_.wait();
    }
    conductor_.cancel();
  }

  asio::awaitable<void> tick() {
    for (;;) {
      co_await net::sleep_for(kTick);
      start(ramp_.tick(now()));
      for (net::Event& news : shop_.news) news.open();  // are they idle for too long?
      if (drain_until_ && now() > *drain_until_) connections_.cancel();
    }
  }

  asio::awaitable<void> sweep() {
    for (;;) {
      co_await net::sleep_for(kSweep);
      auto job = [this] { return sweep_.flush(); };
      base::Result<void> swept = co_await pool_.run(job);
      if (!swept) disaster(swept.error());
    }
  }

  void stop() {
    stopped_ = true;
    ramp_.stop();
    for (net::Event& news : shop_.news) news.open();
  }

  // First signal: what is under way may finish.  Second: it is cut.
  void end_early() {
    if (std::exchange(told_to_end_, true)) return connections_.cancel();
    base::complain("told to end: finishing the transactions under way");
    drain_until_ = now() + kDrain;
    stop();
  }

  void trouble(const base::Error& error) {
    if (error.code == base::Code::not_found)
      failures_.add(error);  // it was named, and is not there
    else
      (void)log_.write("", "Spool trouble: " + error.text);
  }

  void disaster(const base::Error& error) {
    if (disaster_) return;
    disaster_ = base::Error{base::Code::disk, error.text};
    stop();
    // Whoever waits at a gate would wait for ever.
    connections_.cancel();
  }

  base::Result<void> write_summary(std::chrono::nanoseconds took) {
    auto seconds = std::chrono::duration<double>(took).count();
    char time[32];
    std::snprintf(time, sizeof time, "%.1fs", seconds);
    auto count = [](std::uint64_t number, const char* what) {
      return std::to_string(number) + " " + what;
    };
    std::string text =
        "Queue run summary: " + count(tally_.completed, "messages finished, ") +
        count(tally_.remaining, "kept, ") + count(ramp_.left(), "not tried, ") +
        count(counts_.frozen, "frozen, ") + count(tally_.locked, "locked, ") +
        count(tally_.damaged + counts_.damaged, "damaged, ") +
        count(counts_.bodiless, "without body; ") +
        count(tally_.delivered, "recipients delivered, ") +
        count(tally_.deferred, "deferred; ") +
        count(tally_.unknown, "unknown outcomes; ") +
        count(tally_.connections, "connections in ") + time;
    return log_.write("", text);
  }

  const spoolfmt::Spool& spool_;
  const Request& request_;
  const RunSettings& settings_;
  base::MainLog& log_;
  base::SystemClock clock_;
  std::vector<Site> sites_;
  SiteOf site_of_ = [](std::string_view) { return SiteIndex{0}; };
  JournalSweep sweep_;
  Tally tally_;
  Books books_;
  ScanCounts counts_;
  base::Failures failures_;
  std::optional<base::Error> disaster_;
  std::atomic<bool> stopped_ = false;
  bool told_to_end_ = false;
  std::optional<std::chrono::steady_clock::time_point> drain_until_;

  Ramp ramp_;
  net::Loop loop_;
  net::TaskGroup connections_, settlements_, conductor_;
  net::Event scan_over_;
  net::Pool pool_;
  Workshop shop_;
};

std::string age(std::int64_t seconds) {
  return spoolfmt::format_listing_age(seconds);
}

}  // namespace

base::Result<void> run_queue(const spoolfmt::Spool& spool, const Request& request,
                             const Site& smarthost, const RunSettings& settings,
                             base::MainLog& log) {
  // -M forces messages and is no queue run.
  bool quiet = request.named_only && request.force_frozen;
  std::string name = request.queue.empty() ? "" : "'" + request.queue + "' ";
  std::string detail = run_detail(request, ::getpid());
  if (!quiet)
    TRY(log.write(
        "", (name.empty() ? "Start " : "Start " + name) + "queue run: " + detail));
  auto done = QueueRun(spool, request, smarthost, settings, log).run();
  if (!quiet)
    TRY(log.write("",
                  (name.empty() ? "End " : "End " + name) + "queue run: " + detail));
  return done;
}

base::Result<void> show_plan(const spoolfmt::Spool& spool, const Request& request,
                             const Site* smarthost, ScanOrder order) {
  struct Line {
    std::uint64_t messages = 0, bytes = 0;
    std::int64_t oldest = 0;
  };
  std::map<std::string, SiteIndex, std::less<>> known;
  std::vector<std::string> names;
  std::vector<Line> lines;
  SiteOf site_of = [&](std::string_view domain) {
    auto name = smarthost ? smarthost->name : base::lower(domain);
    auto [site, fresh] =
        known.emplace(std::move(name), static_cast<SiteIndex>(lines.size()));
    if (fresh) {
      names.push_back(site->first);
      lines.emplace_back();
    }
    return site->second;
  };
  base::Failures failures;
  ScanEvents events;
  events.due = [&](const Due& due) {
    for (SiteIndex site : legs(due.recipients, site_of)) {
      Line& line = lines[site];
      if (line.messages++ == 0 || due.received < line.oldest)
        line.oldest = due.received;
      line.bytes += due.size;
    }
  };
  events.frozen = [](const spoolfmt::MessageId&) {};
  events.trouble = [&](const base::Error& error) { failures.add(error); };
  events.stop = [] { return false; };
  TRY(scan(spool, request, order, events));
  std::vector<SiteIndex> sorted(lines.size());
  for (SiteIndex i = 0; i < sorted.size(); ++i) sorted[i] = i;
  std::ranges::stable_sort(sorted, std::ranges::greater{},
                           [&](SiteIndex site) { return lines[site].messages; });
  auto time = std::chrono::floor<std::chrono::seconds>(base::SystemClock().now());
  if (!lines.empty()) std::printf("Messages      Bytes  Oldest  Site\n");
  for (SiteIndex site : sorted) {
    const Line& line = lines[site];
    std::printf("%8ju %10ju  %6s  %s\n", static_cast<std::uintmax_t>(line.messages),
                static_cast<std::uintmax_t>(line.bytes),
                age(time.time_since_epoch().count() - line.oldest).c_str(),
                base::printable(names[site]).c_str());
  }
  return failures.result();
}

}  // namespace qrunner
