// SPDX-License-Identifier: Apache-2.0
#include "qrunner/queue_run.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/failures.h"
#include "base/text.h"
#include "qrunner/awaited_names.h"
#include "qrunner/delivery.h"
#include "qrunner/live_view.h"
#include "qrunner/site_memory.h"

namespace qrunner {

namespace {

using spoolfmt::MessageId;

constexpr unsigned kDiskThreads = 8;
constexpr auto kRenew = std::chrono::seconds(20);  // a third of a lease's life
constexpr auto kHeed = std::chrono::seconds(1);    // the load, and who may live again
constexpr auto kTick = std::chrono::milliseconds(20);
// Transactions under way when we are told to end may take so long.
constexpr auto kDrain = std::chrono::seconds(60);
// Between two looks at a queue that is followed.
constexpr auto kFollow = std::chrono::seconds(1);
// Enough to make a hand-over to the loop cheap, few enough that the first come at once.
constexpr std::size_t kBatch = 64;

// -R and -S without f: the first message is tried whatever the retry times say, and
// what is learned from it counts for the others (Exim manual, "-R").
bool sends_one_ahead(const Request& request) {
  return (request.recipient || request.sender) && !request.force;
}

std::chrono::steady_clock::time_point now() {
  return std::chrono::steady_clock::now();
}

// A message as the scan hands it to the loop.
struct Found {
  MessageId id;
  base::Time received;
  std::vector<SiteIndex> sites;
  std::vector<Names::Question> wanted;  // not empty: ask before it can be routed
  bool foreign = false;                 // somebody needs Exim
  bool first_time = false;              // nobody tried it before
};

Found found_of(const MessageId& id, const spoolfmt::Queued& queued, Plan plan) {
  Found found;
  found.id = id;
  found.received = queued.h.file.received_time();
  found.foreign = !plan.foreign().empty();
  found.first_time = queued.h.file.has("deliver_firsttime");
  found.wanted = std::move(plan.wanted);
  if (found.wanted.empty()) found.sites = plan.sites();
  return found;
}

class QueueRun {
 public:
  QueueRun(const RunTools& tools, const Request& request, const RunSettings& settings)
      : tools_(tools),
        request_(request),
        settings_(settings),
        names_(tools.resolver),
        retries_(tools.policy, names_, files_, clock_, tools.hints, request.force),
        routes_(tools.policy, names_, files_, retries_, sites_, clock_),
        ids_(settings.ids, static_cast<std::uint64_t>(::getpid())),
        postbox_(tools.spool, ids_, tools.log, clock_, tools.policy.primary_hostname,
                 settings.shown, settings.message_logs),
        reports_(routes_, settings.reports, postbox_, tools.log),
        terms_{tools.spool, request, routes_, settings.reports.events},
        books_{tools.log,
               clock_,
               tally_,
               retries_,
               reports_,
               tools.emergency,
               {},
               settings.shown,
               request.queue,
               settings.message_logs,
               settings.preserve_message_logs},
        memory_(sites_, names_, retries_, tools.hints, clock_),
        ramp_(ramp_settings(tools, settings)),
        live_(tools.spool.directory(), request.queue, ramp_, sites_, tally_, clock_),
        connections_(loop_),
        settlements_(loop_),
        lookups_(loop_),
        conductor_(loop_),
        awaited_(names_, lookups_,
                 {.route =
                      [this](std::vector<MessageId> ids) {
                        return route_again(std::move(ids));
                      },
                  .silent = [this] { tell_silence(); }}),
        scan_over_(loop_),
        pool_(kDiskThreads),
        completions_(tools.log,
                     [this](const Outgoing& message, const base::Error& why) {
                       return keep_the_end(message, why);
                     }),
        shop_{terms_,       books_,       loop_,        pool_,
              connections_, settlements_, completions_, ramp_} {
    shop_.start = [this](const Ramp::Starts& starts) { start(starts); };
    shop_.settled = [this](SiteIndex site, const Settlement& settlement) {
      live_.settled(site, settlement);
    };
    shop_.reroute = [this](const MessageId& id) { lookups_.spawn(route_again({id})); };
    shop_.trouble = [this](const base::Error& error) { trouble(error); };
    shop_.disaster = [this](const base::Error& error) { disaster(error); };
    books_.disk_fails = [this](const base::Error& error) {
      loop_.post([this, error] { stop_for(error); });
    };
  }

  base::Result<void> run() {
    auto begun = now();
    heed_load();
    loop_.on_signals({SIGTERM, SIGINT}, [this](int) { end_early(); });
    conductor_.spawn(conduct());
    loop_.every(kTick, [this] { tick(); });
    loop_.every(kHeed, [this] { heed_load(); });
    loop_.every(kHeed, [this] { probe_the_dead(); });
    loop_.every(kHeed, [this] { end_patience(); });
    if (tools_.leases) loop_.every(kRenew, [this] { tools_.leases->renew(); });
    std::thread scanner([this] { scan_queue(); });
    loop_.run();
    scanner.join();
    if (tools_.emergency) tools_.emergency->settle();
    remember_windows();
    if (auto logged = write_summary(now() - begun); !logged) disaster(logged.error());
    if (disaster_) return std::unexpected(*disaster_);
    if (awaited_.silent())
      return base::fail(base::Code::temporary,
                        "no name server answers: what needs one was not tried");
    if (no_network_)
      return base::fail(base::Code::temporary,
                        "the network is unreachable: what needs it was not tried");
    if (abandoned_)
      return base::fail(base::Code::temporary,
                        "the load of the machine is above deliver_queue_load_max");
    return failures_.result();
  }

 private:
  static Ramp::Settings ramp_settings(const RunTools& tools,
                                      const RunSettings& settings) {
    Ramp::Settings ramp = settings.ramp;
    if (hints::Leases* leases = tools.leases) {
      auto key = [](std::string_view address) { return "H" + std::string(address); };
      auto most = static_cast<unsigned>(ramp.addresses.per_address);
      ramp.addresses.take = [=](std::string_view address) {
        return leases->take(key(address), most);
      };
      ramp.addresses.give_back = [=](std::string_view address) {
        leases->give_back(key(address));
      };
    }
    return ramp;
  }

  // ---- on the scanner's thread

  void scan_queue() {
    scan_once();
    loop_.post([this] {
      start(ramp_.scan_ended());
      for (net::Event& news : shop_.news) news.open();
    });
    while (settings_.follow && !stopped_) {
      std::unique_lock lock(rest_);
      wake_.wait_for(lock, kFollow, [this] { return stopped_.load(); });
      lock.unlock();
      if (!stopped_) scan_once();
    }
    loop_.post([this] { scan_over_.open(); });
  }

  void scan_once() {
    std::vector<Found> batch;
    auto hand_over = [&] {
      loop_.post([this, found = std::move(batch)] { take_in(found); });
      batch.clear();
    };
    auto last = now();
    ScanEvents events;
    events.thaws = [&](const spoolfmt::Queued& queued) {
      Thaw what = thaw_of(queued);
      return what == Thaw::thaw || what == Thaw::cancel;
    };
    events.due = [&](const Due& due) {
      bool ahead = std::exchange(one_ahead_, false);
      if (ahead) retries_.force(due.id);
      auto input = tools_.spool.input_name(due.queued.entry.subdirectory);
      Plan plan = thaw_of(due.queued) == Thaw::cancel ? routes_.give_up(due.queued)
                                                      : routes_.plan(due.queued, input);
      batch.push_back(found_of(due.id, due.queued, std::move(plan)));
      if (ahead) {
        hand_over();
        wait_for_the_first();
      }
      if (batch.size() < kBatch && now() - last < kTick) return;
      hand_over();
      last = now();
    };
    events.frozen = [&](const MessageId& id) {
      if (!settings_.shown.has(policy::LogItem::skip_delivery)) return;
      auto logged = tools_.log.write(id.text(), "Message is frozen");
      if (!logged) report(logged.error());
    };
    events.trouble = [&](const base::Error& error) {
      loop_.post([this, error] { trouble(error); });
    };
    events.stop = [&] { return stopped_.load(); };
    auto counts = scan(tools_.spool, request_, settings_.order, events);
    if (!counts) report(counts.error());
    hand_over();
    loop_.post([this, counts] {
      if (counts) counts_ = *counts;
    });
  }

  void wait_for_the_first() {
    std::unique_lock lock(rest_);
    wake_.wait(lock, [this] { return first_over_ || stopped_.load(); });
  }

  Thaw thaw_of(const spoolfmt::Queued& queued) const {
    auto age = MessageAge::of(queued.h.file, clock_.now());
    return decide_thaw(age, request_.force_frozen, settings_.reports.events).what;
  }

  void report(const base::Error& error) {
    loop_.post([this, error] { disaster(error); });
  }

  // ---- on the loop

  void take_in(const std::vector<Found>& found) {
    for (const Found& message : found) {
      if (!request_.force && retries_.forces(message.id)) first_ = message.id;
      if (message.wanted.empty())
        send_on(message);
      else if (stopped_)
        awaited_.give_up();
      else
        awaited_.park(message.id, message.wanted);
    }
  }

  void send_on(const Found& message) {
    // Who follows sees messages that are on their way again and again.
    if (settings_.follow && shop_.hands.knows(message.id)) return;
    std::vector<SiteIndex> legs;
    for (SiteIndex site : message.sites)
      if (may_go(site, message)) legs.push_back(site);
    if (message.foreign)
      ++tally_.foreign;
    else if (legs.empty())
      ++tally_.not_due;
    if (message.id == first_ || settings_.follow || legs.size() > 1)
      shop_.hands.expect(message.id, legs.size());
    Lane lane = message.first_time ? Lane::fresh : Lane::retried;
    for (SiteIndex site : legs) {
      live_.routed(site, message.received);
      start(ramp_.routed(site, Leg(message.id, lane), now()));
    }
  }

  // Is it worth to try the site for this message?
  bool may_go(SiteIndex site, const Found& message) {
    if (sites_.at(site).kind != Site::Kind::smtp) return true;
    if (request_.local_only) return false;
    if (met_.insert(site).second)
      if (auto window = memory_.window(site)) ramp_.learn(site, *window);
    Waiting waiting{message.received, "", message.first_time};
    return retries_.forces(message.id) || memory_.may_try(site, message.id, waiting);
  }

  // Who follows sees them again at the next scan, and judges if it is their fault.
  void end_patience() {
    if (!settings_.follow) return;
    shop_.locked.clear();
    if (shop_.network.waiting() == 0) return;
    if (!shop_.network.down()) shop_.network.works();
    shop_.network.take();
  }

  // Nobody was reached, and of many: true, and said once.  Else it is their own fault.
  bool judge_network() {
    if (stopped_) return true;
    if (!shop_.network.down()) {
      shop_.network.works();
      return false;
    }
    if (!std::exchange(no_network_, true))
      (void)tools_.log.write("", "No site can be reached: the network of this machine");
    return true;
  }

  // Who waits for hosts that have been failing for too long by now fails in this run,
  // too, as the first of them did.  True: that is under way.
  bool give_up_the_dead() {
    if (stopped_ || request_.force) return false;
    for (SiteIndex site : ramp_.died()) dead_.insert(site);
    for (SiteIndex site : dead_)
      if (ramp_.ready(site) > 0 && memory_.is_hopeless(site))
        start(ramp_.probe(site, now()));
    return busy();
  }

  // A site that died lives again when a host of it may be tried and takes a message.
  void probe_the_dead() {
    for (SiteIndex site : ramp_.died()) dead_.insert(site);
    std::erase_if(dead_, [this](SiteIndex site) { return !ramp_.dead(site); });
    if (request_.force) return;  // their times do not count
    Found nobody;
    nobody.received = clock_.now();
    for (SiteIndex site : dead_)
      if (may_go(site, nobody)) start(ramp_.probe(site, now()));
  }

  // What sites bore, for the next run.
  void remember_windows() {
    for (SiteIndex index = 0; index < sites_.size(); ++index) {
      Ramp::View view = ramp_.view(index);
      if (sites_.at(index).kind != Site::Kind::smtp || !view.latency) continue;
      auto most = static_cast<double>(view.cap.value_or(settings_.ramp.per_site));
      memory_.remember_window(index, std::min(view.window, most));
    }
  }

  // ---- messages whose way is to be found once more

  void tell_silence() {
    (void)tools_.log.write("", "No name server answers: nothing is routed any more");
  }

  asio::awaitable<void> route_again(std::vector<MessageId> ids) {
    for (std::size_t at = 0; at < ids.size(); at += kBatch) {
      std::size_t end = std::min(ids.size(), at + kBatch);
      std::vector<Found> found;
      auto job = [&] {
        spoolfmt::Looker looker(tools_.spool);
        spoolfmt::Queued queued;
        for (std::size_t i = at; i < end; ++i)
          plan_again(ids[i], looker, queued, found);
      };
      co_await pool_.run(job);
      take_in(found);
    }
  }

  void plan_again(const MessageId& id, spoolfmt::Looker& looker,
                  spoolfmt::Queued& queued, std::vector<Found>& found) {
    auto entry = spoolfmt::find_entry(tools_.spool, id);
    if (!entry || !looker.look(*entry, queued)) return;  // finished meanwhile
    auto input = tools_.spool.input_name(entry->subdirectory);
    found.push_back(found_of(id, queued, routes_.plan(queued, input)));
  }

  // ---- the course of the run

  void start(const Ramp::Starts& starts) {
    for (const Ramp::Start& start : starts) {
      while (shop_.news.size() <= start.site) shop_.news.emplace_back(loop_);
      if (start.wake > 0) shop_.news[start.site].open();
      for (std::size_t i = 0; i < start.connections; ++i)
        connections_.spawn(deliver(shop_, start.site));
    }
  }

  bool busy() const {
    return connections_.size() + settlements_.size() + lookups_.size() > 0;
  }

  asio::awaitable<void> conduct() {
    co_await scan_over_.wait();
    for (;;) {
      // A task that ends may have started others, or left work for the settlements.
      while (busy()) {
        co_await lookups_.wait();
        co_await connections_.wait();
        co_await settlements_.wait();
      }
      // An operator said wait, or another run has all connections that a host bears.
      if (!stopped_ && (live_.holds() || ramp_.waits_for_others())) {
        co_await net::sleep_for(kTick);
        continue;
      }
      if (shop_.network.waiting() > 0 && !judge_network()) {
        lookups_.spawn(route_again(shop_.network.take()));
        continue;
      }
      // Whoever had them may be through with them by now.
      if (!stopped_ && !settings_.follow && !std::exchange(shop_.second_look, true)) {
        tally_.locked -= shop_.locked.size();
        lookups_.spawn(route_again(std::exchange(shop_.locked, {})));
        continue;
      }
      if (give_up_the_dead()) continue;
      auto suspects = awaited_.judge();
      if (suspects.empty()) break;
      lookups_.spawn(route_again(std::move(suspects)));
    }
    for (auto& [id, carried] : shop_.hands.untold())
      connections_.spawn(tell(shop_, id, std::move(carried)));
    co_await connections_.wait();
    conductor_.cancel();
  }

  void tick() {
    start(ramp_.tick(now()));
    start(live_.tick(now()));
    for (net::Event& news : shop_.news) news.open();  // are they idle for too long?
    if (drain_until_ && now() > *drain_until_) connections_.cancel();
    // Whether it went, waits for another run, or nobody knows the way.
    if (first_ && lookups_.size() == 0 && !shop_.hands.knows(*first_))
      let_others_follow();
  }

  void let_others_follow() {
    {
      std::lock_guard lock(rest_);
      if (std::exchange(first_over_, true)) return;
    }
    wake_.notify_all();
  }

  // Forced messages are tried whatever the load.
  void heed_load() {
    double load = 0;
    if (!settings_.load_max || request_.force || stopped_) return;
    if (::getloadavg(&load, 1) != 1 || load <= *settings_.load_max) return;
    abandoned_ = true;
    std::array<char, 64> loads{};
    std::snprintf(loads.data(), loads.size(), " (load %.2f, max %.2f)", load,
                  *settings_.load_max);
    auto logged = tools_.log.write(
        "", "Abandon queue run: " + run_detail(request_, ::getpid()) + loads.data());
    if (!logged) disaster(logged.error());
    stop();
  }

  void stop() {
    {
      std::lock_guard lock(rest_);
      stopped_ = true;
    }
    wake_.notify_all();
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
      (void)tools_.log.write("", "Spool trouble: " + error.text);
  }

  // What is under way may finish: it can be put on record.
  void stop_for(const base::Error& error) {
    if (disaster_) return;
    disaster_ = base::Error{base::Code::disk, error.text};
    if (tools_.panic) tools_.panic(error.text);
    drain_until_ = now() + kDrain;
    stop();
  }

  void disaster(const base::Error& error) {
    stop_for(error);
    // Whoever waits at a gate would wait for ever.
    connections_.cancel();
  }

  // On the pool: a power cut may bring the message back.
  base::Result<void> keep_the_end(const Outgoing& message, const base::Error& why) {
    std::vector<std::string> everybody;
    for (const auto& recipient : message.file().recipients)
      everybody.push_back(recipient.address);
    if (!tools_.emergency || !tools_.emergency->record(message.message(), everybody))
      return std::unexpected(why);
    books_.disk_fails(why);
    return {};
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
        count(tally_.remaining, "kept, ") +
        count(ramp_.left() + awaited_.given_up() + shop_.network.waiting(),
              "not tried, ") +
        count(tally_.not_due, "not due, ") + count(counts_.frozen, "frozen, ") +
        count(tally_.locked, "locked, ") +
        count(tally_.damaged + counts_.damaged, "damaged, ") +
        count(counts_.bodiless, "without body, ") +
        count(tally_.foreign, "left for Exim; ") +
        count(tally_.delivered, "recipients delivered, ") +
        count(tally_.deferred, "deferred, ") + count(tally_.failed, "failed; ") +
        count(tally_.unknown, "unknown outcomes; ") +
        count(tally_.connections, "connections in ") + time;
    return tools_.log.write("", text);
  }

  const RunTools& tools_;
  const Request& request_;
  const RunSettings& settings_;
  base::SystemClock clock_;
  policy::LookupFiles files_;
  Names names_;
  RetryBook retries_;
  Sites sites_;
  RoutePhase routes_;
  spoolfmt::MessageIdSource ids_;
  Postbox postbox_;
  Reports reports_;
  Outgoing::Terms terms_;
  Tally tally_;
  Books books_;
  ScanCounts counts_;
  base::Failures failures_;
  std::optional<base::Error> disaster_;
  std::atomic<bool> stopped_ = false;
  std::mutex rest_;  // of the scanner, between two scans
  std::condition_variable wake_;
  bool one_ahead_ =
      sends_one_ahead(request_);    // the scanner's: the first message is still to come
  bool first_over_ = false;         // the others may follow
  std::optional<MessageId> first_;  // it was sent ahead
  bool told_to_end_ = false;
  std::optional<std::chrono::steady_clock::time_point> drain_until_;

  SiteMemory memory_;
  std::set<SiteIndex> met_, dead_;
  bool abandoned_ = false;   // the load was too high
  bool no_network_ = false;  // no site was reached

  Ramp ramp_;
  LiveView live_;
  net::Loop loop_;
  net::TaskGroup connections_, settlements_, lookups_, conductor_;
  AwaitedNames awaited_;
  net::Event scan_over_;
  net::Pool pool_;
  Completions completions_;
  Workshop shop_;
};

}  // namespace

base::Result<void> run_queue(const RunTools& tools, const Request& request,
                             const RunSettings& settings) {
  // -M forces messages and is no queue run.
  bool quiet = (request.named_only && request.force_frozen) ||
               !settings.shown.has(policy::LogItem::queue_run);
  std::string name = request.queue.empty() ? "" : "'" + request.queue + "' ";
  std::string detail = "queue run: " + run_detail(request, ::getpid());
  if (!quiet) TRY(tools.log.write("", "Start " + name + detail));
  auto done = QueueRun(tools, request, settings).run();
  if (!quiet) TRY(tools.log.write("", "End " + name + detail));
  return done;
}

}  // namespace qrunner
