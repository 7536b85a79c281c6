// SPDX-License-Identifier: Apache-2.0
#include "receiver/scripts.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "base/failures.h"
#include "receiver/script_quarantine.h"

namespace receiver {

namespace {

using boost::system::error_code;
using boost::system::system_error;
using Instant = ScriptRun::Instant;

// How often the client is looked at.
constexpr std::chrono::milliseconds kLook{100};
constexpr std::string_view kKeepAliveLine = "250-2.0.0 still checking\r\n";

// The one thing a run waits for; whatever happens rings.
struct Bell {
  explicit Bell(const asio::any_io_executor& executor) : timer(executor) {}

  void ring() {
    rung = true;
    timer.cancel();
  }

  asio::awaitable<void> wait(std::chrono::steady_clock::time_point until) {
    error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    if (!rung) {
      timer.expires_at(until);
      co_await timer.async_wait(token);
    }
    // Nobody rang: then the task is cancelled.
    if (error && !rung) throw system_error(error);
    rung = false;
  }

  asio::steady_timer timer;
  bool rung = false;
};

// A script that runs.  Its end closes the channel, and so ends the script.
struct Running {
  std::size_t script;
  ScriptSlots::Place place;
  asio::posix::stream_descriptor channel;
  std::shared_ptr<bool> reported;  // shared with the handler that sets it
};

// One pass: of the message, or of an event.
class Pass {
 public:
  Pass(ScriptService& service, std::shared_ptr<const ScriptList> list,
       std::shared_ptr<const ScriptMessage> message,
       std::shared_ptr<const base::Fd> content, ScriptRun& run,
       asio::any_io_executor executor)
      : service_(service),
        list_(std::move(list)),
        message_(std::move(message)),
        content_(std::move(content)),
        run_(run),
        executor_(std::move(executor)),
        bell_(std::make_shared<Bell>(executor_)) {}

  // Until the run is over and copies are kept.
  asio::awaitable<void> go(ClientWatch* watch);
  const std::vector<std::string>& trouble() const { return trouble_; }

 private:
  Instant now() const {
    return std::chrono::floor<Instant>(std::chrono::steady_clock::now() - begun_);
  }
  void look_at_client(ClientWatch& watch);
  void hear();
  void start_waiting();
  void start(ScriptRun::Start start, ScriptSlots::Place place);
  void await_report(Running& one);
  base::Result<base::Fd> launch(ScriptRun::Start start) const;
  std::string input(std::chrono::milliseconds deadline) const;
  asio::awaitable<void> keep_alive(ClientWatch& watch);
  asio::awaitable<void> keep_copies();

  ScriptService& service_;
  std::shared_ptr<const ScriptList> list_;
  std::shared_ptr<const ScriptMessage> message_;
  std::shared_ptr<const base::Fd> content_;
  ScriptRun& run_;
  asio::any_io_executor executor_;
  std::shared_ptr<Bell> bell_;  // shared with handlers that may come late
  std::optional<ScriptSlots::Place> asked_;
  std::list<Running> running_;
  std::vector<std::string> trouble_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

asio::awaitable<void> Pass::go(ClientWatch* watch) {
  while (true) {
    if (watch) look_at_client(*watch);
    hear();
    run_.passed_time(now());
    start_waiting();
    for (std::size_t script : run_.take_stops())
      std::erase_if(running_, [&](const Running& one) { return one.script == script; });
    if (run_.over()) break;
    if (watch && run_.take_keep_alive(now())) co_await keep_alive(*watch);
    Instant wake = run_.wake_at();
    if (watch) wake = std::min(wake, now() + kLook);
    co_await bell_->wait(begun_ + wake);
  }
  asked_.reset();
  co_await keep_copies();
}

void Pass::look_at_client(ClientWatch& watch) {
  if (watch.spoke()) run_.client_spoke(now());
  if (watch.peer_gone()) run_.client_gone(now());
}

void Pass::hear() {
  for (auto one = running_.begin(); one != running_.end();) {
    if (!*one->reported) {
      ++one;
      continue;
    }
    auto exit = ScriptLauncher::read_report(one->channel.native_handle());
    if (!exit) {
      await_report(*one++);
      continue;
    }
    std::size_t script = one->script;
    one = running_.erase(one);
    ScriptVerdict verdict = judge_script(list_->config.scripts[script], *exit);
    run_.finished(script, std::move(verdict), exit->took, now());
  }
}

void Pass::start_waiting() {
  while (run_.wants_slot()) {
    if (!asked_) {
      auto wake = [executor = executor_, weak = std::weak_ptr(bell_)] {
        asio::post(executor, [weak] {
          if (auto bell = weak.lock()) bell->ring();
        });
      };
      asked_ = service_.slots().ask(wake);
    }
    if (!asked_->given()) return;
    auto next = run_.slot_given(now());
    if (next) start(*next, std::move(*asked_));
    asked_.reset();
  }
  asked_.reset();
}

void Pass::start(ScriptRun::Start start, ScriptSlots::Place place) {
  auto channel = launch(start);
  if (!channel) {
    ScriptExit exit;
    exit.trouble = channel.error().text;
    ScriptVerdict verdict = judge_script(list_->config.scripts[start.script], exit);
    return run_.finished(start.script, std::move(verdict), {}, now());
  }
  await_report(running_.emplace_back(
      start.script, std::move(place),
      asio::posix::stream_descriptor(executor_, channel->release()),
      std::make_shared<bool>(false)));
}

void Pass::await_report(Running& one) {
  *one.reported = false;
  one.channel.async_wait(asio::posix::stream_descriptor::wait_read,
                         [bell = bell_, reported = one.reported](error_code error) {
                           if (error) return;
                           *reported = true;
                           bell->ring();
                         });
}

base::Result<base::Fd> Pass::launch(ScriptRun::Start start) const {
  base::Fd object = TRY(make_memory_file(input(start.deadline)));
  base::Fd message = TRY(reopen_read_only(content_->get()));
  ScriptLauncher::Request request{list_->generation, start.script, start.deadline,
                                  run_.event(), message_->id};
  return service_.launcher().launch(request, object.get(), message.get());
}

std::string Pass::input(std::chrono::milliseconds deadline) const {
  return script_input(*message_, run_.event(), deadline, run_.early_quit(),
                      run_.previous());
}

asio::awaitable<void> Pass::keep_alive(ClientWatch& watch) {
  bool gone = false;
  try {
    co_await watch.keep_alive(kKeepAliveLine);
  } catch (const system_error& error) {
    if (error.code() == asio::error::operation_aborted) throw;
    gone = true;
  }
  if (gone) run_.client_gone(now());
}

asio::awaitable<void> Pass::keep_copies() {
  // Copied, since what must be kept and cannot changes the run.
  std::vector<ScriptRun::Keep> keeps = run_.keeps();
  for (const ScriptRun::Keep& keep : keeps) {
    const ScriptConfig& config = list_->config;
    const std::string& name = config.scripts[keep.script].name;
    std::string object = input({});
    auto job = [&]() -> base::Result<void> {
      TRY(keep_copy(config, message_->id, name, content_->get(), object));
      return enforce_quota(config, service_.clock().now());
    };
    base::Result<void> kept = co_await service_.pool().run(job);
    std::string line = "script " + name + ": ";
    if (kept)
      trouble_.push_back(line + "copy kept" +
                         (keep.tag.empty() ? "" : " (" + keep.tag + ")"));
    else
      trouble_.push_back(line + "no copy kept: " + kept.error().text);
    if (!kept && keep.must) run_.keep_failed();
  }
}

}  // namespace

ScriptService::ScriptService(ScriptLauncher& launcher, net::Pool& pool,
                             base::MainLog& log, const base::Clock& clock,
                             std::filesystem::path directory)
    : launcher_(launcher),
      pool_(pool),
      log_(log),
      clock_(clock),
      directory_(std::move(directory)),
      slots_(0) {}

base::Result<void> ScriptService::load(std::shared_ptr<const policy::Policy> policy) {
  ScriptLauncher::Loaded loaded = TRY(launcher_.load());
  auto conditions = TRY(
      ScriptConditions::compile(loaded.config, "list of scripts", std::move(policy)));
  auto list = std::make_shared<const ScriptList>(
      loaded.generation, std::move(loaded.config), std::move(conditions));
  std::lock_guard lock(mutex_);
  slots_.resize(list_ ? list_->config.max_running : 0, list->config.max_running);
  list_ = std::move(list);
  return {};
}

std::shared_ptr<const ScriptList> ScriptService::current() const {
  std::lock_guard lock(mutex_);
  return list_;
}

void ScriptService::log(const std::string& id,
                        const std::vector<std::string>& lines) const {
  for (const std::string& line : lines)
    if (auto written = log_.write(id, line); !written)
      base::complain(written.error().text);
}

asio::awaitable<ScriptResult> run_scripts(ScriptService& service,
                                          std::shared_ptr<const ScriptList> list,
                                          ScriptMessage message, ClientWatch& watch) {
  auto shared = std::make_shared<const ScriptMessage>(std::move(message));
  auto run = std::make_shared<ScriptRun>(list->config, *shared);
  if (run->over()) co_return ScriptResult{run->outcome(), {}};  // none has to run
  auto make = [&] { return make_script_file(*shared, service.directory()); };
  base::Result<base::Fd> made = co_await service.pool().run(make);
  if (!made) co_return ScriptResult{ScriptOutcome::unable(made.error()), {}};
  auto content = std::make_shared<const base::Fd>(std::move(*made));

  auto executor = co_await asio::this_coro::executor;
  Pass pass(service, list, shared, content, *run, executor);
  co_await pass.go(&watch);
  ScriptResult result{run->outcome(), {}};
  for (const std::string& line : pass.trouble()) result.outcome.log.push_back(line);
  if (run->follow_up() != ScriptEvent::data)
    result.event = ScriptEventRun{&service, list, shared, run, content};
  co_return result;
}

asio::awaitable<void> run_script_event(ScriptEventRun event) {
  ScriptRun run(event.list->config, *event.message, event.broken->follow_up(),
                *event.broken);
  auto executor = co_await asio::this_coro::executor;
  Pass pass(*event.service, event.list, event.message, event.content, run, executor);
  co_await pass.go(nullptr);
  event.service->log(event.message->id, run.outcome().log);
  event.service->log(event.message->id, pass.trouble());
}

}  // namespace receiver
