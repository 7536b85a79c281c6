// SPDX-License-Identifier: Apache-2.0
#include "receiver/daemon.h"

#include <csignal>
#include <thread>
#include <utility>

#include "base/failures.h"

namespace receiver {

namespace {

constexpr auto kShowAgain = std::chrono::milliseconds(250);

}  // namespace

Daemon::Daemon(Options options, std::list<net::Loop>& loops, std::list<Server>& servers,
               const Lasting& lasting, net::ServiceManager manager)
    : options_(std::move(options)),
      loops_(loops),
      servers_(servers),
      lasting_(lasting),
      manager_(std::move(manager)),
      tasks_(loops.front()),
      others_ended_(loops.front()),
      others_(loops.size() - 1),
      answers_(loops.size()) {
  loops_.front().on_signals({SIGTERM, SIGINT}, [this](int) { on_end(); });
  loops_.front().on_signals({SIGHUP}, [this](int) { on_hangup(); });
}

base::Result<void> Daemon::serve_by(std::shared_ptr<const policy::Policy> policy) {
  Reading reading = TRY(make(std::move(policy)));
  auto authenticators = reading.authenticators.begin();
  for (Server& server : servers_) server.serve_by(reading.service, *authenticators++);
  return {};
}

base::Result<Daemon::Reading> Daemon::make(
    std::shared_ptr<const policy::Policy> policy) const {
  std::string scripts(policy->main.text("data_scripts"));
  if (!scripts.empty() && scripts != options_.data_scripts)
    return base::fail(
        base::Code::config,
        "data_scripts = " + scripts + ": another list of scripts needs a restart");
  Reading reading;
  reading.service = TRY(make_service(policy, lasting_));
  for (net::Loop& loop : loops_)
    reading.authenticators.push_back(TRY(Authenticators::create(loop, policy)));
  if (!scripts.empty()) TRY(lasting_.scripts->load(policy));
  return reading;
}

base::Result<Daemon::Reading> Daemon::read_again() const {
  auto policy = TRY(read_policy(options_.common));
  return make(std::move(policy));
}

void Daemon::run(const std::vector<std::string>& addresses,
                 std::optional<base::SharedBoard> board) {
  net::Loop& first = loops_.front();
  if (board) hang_out(addresses, std::move(*board));
  if (auto patience = manager_.patience())
    first.every(*patience / 3, [this] { feed_watchdog(); });
  if (others_ > 0) tasks_.spawn(outlive_others());
  for (Server& server : servers_) server.start();
  status_ = addresses.empty() ? "serving one client" : "listening on";
  for (const std::string& address : addresses) status_ += " " + address;
  manager_.status(status_);
  manager_.ready();
  std::list<std::jthread> threads;
  for (auto loop = std::next(loops_.begin()); loop != loops_.end(); ++loop)
    threads.emplace_back([this, &first, &one = *loop] {
      one.run();
      first.post([this] {
        if (--others_ == 0) others_ended_.open();
      });
    });
  first.run();
}

void Daemon::hang_out(const std::vector<std::string>& addresses,
                      base::SharedBoard board) {
  std::vector<LiveView::Door> doors;
  for (const std::string& address : addresses) doors.push_back({address, {}});
  for (const Server& server : servers_) {
    auto door = doors.begin();
    for (const Tally* tally : server.tallies()) (door++)->tallies.push_back(tally);
  }
  live_.emplace(std::move(board), lasting_.queue, std::move(doors), lasting_.clock);
  show();
  loops_.front().every(kShowAgain, [this] { show(); });
}

void Daemon::show() {
  if (live_)
    live_->show(
        {servers_.front().limits().clients, lasting_.spooler.waiting(), draining_},
        std::chrono::steady_clock::now());
}

// The first loop hears the signals, so it must be the last to end.
asio::awaitable<void> Daemon::outlive_others() {
  co_await others_ended_.wait();
}

void Daemon::each_server(void (Server::*call)()) {
  auto server = servers_.begin();
  for (net::Loop& loop : loops_) {
    loop.post([&one = *server, call] { (one.*call)(); });
    ++server;
  }
}

void Daemon::on_end() {
  if (std::exchange(draining_, true)) return each_server(&Server::stop);
  manager_.stopping();
  manager_.status("finishing what has begun");
  each_server(&Server::drain);
  show();
  loops_.front().every(options_.drain, [this] { each_server(&Server::stop); });
}

void Daemon::on_hangup() {
  if (draining_) return;
  if (std::exchange(reloading_, true)) {
    again_ = true;
    return;
  }
  manager_.reloading();
  tasks_.spawn(reload());
}

// On a thread of the pool, for it may have to ask for the addresses of hosts.
asio::awaitable<void> Daemon::reload() {
  do {
    again_ = false;
    auto job = [this] { return read_again(); };
    base::Result<Reading> reading = co_await lasting_.pool.run(job);
    if (!reading) {
      base::complain(reading.error().text);
      log("the policy was not read again: " + reading.error().text);
      continue;
    }
    auto server = servers_.begin();
    auto authenticators = reading->authenticators.begin();
    for (net::Loop& loop : loops_) {
      auto serve = [&one = *server++, service = reading->service,
                    own = std::move(*authenticators++)] { one.serve_by(service, own); };
      loop.post(std::move(serve));
    }
    log("the policy was read again");
  } while (again_);
  reloading_ = false;
  manager_.status(status_);
  manager_.ready();
}

// Once all loops have answered since the last time: one that is stuck is for the
// manager to end.  Loops that have ended do not answer.
void Daemon::feed_watchdog() {
  if (draining_) return manager_.alive();
  if (answers_ < loops_.size()) return;
  manager_.alive();
  answers_ = 0;
  for (net::Loop& loop : loops_) loop.post([this] { ++answers_; });
}

void Daemon::log(const std::string& text) const {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = std::min(text.find('\n', begin), text.size());
    auto written = lasting_.main_log.write("", text.substr(begin, end - begin));
    if (!written) base::complain(written.error().text);
    begin = end + 1;
  }
}

}  // namespace receiver
