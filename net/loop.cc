// SPDX-License-Identifier: Apache-2.0
#include "net/loop.h"

#include <list>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace net {

namespace {

// `over`: the last task has ended.  A wait that was over by then cannot be cancelled
// any more, and its handler would wait again for ever.
struct Signals {
  Signals(asio::io_context& context, std::function<void(int)> call, const bool& ended)
      : set(context), handler(std::move(call)), over(ended) {}

  asio::signal_set set;
  std::function<void(int)> handler;
  const bool& over;
};

void await_signal(Signals& signals) {
  if (signals.over) return;
  signals.set.async_wait([&signals](boost::system::error_code error, int number) {
    if (error || signals.over) return;
    signals.handler(number);
    await_signal(signals);
  });
}

struct Beat {
  Beat(asio::io_context& context, std::chrono::nanoseconds between,
       std::function<void()> call, const bool& ended)
      : timer(context), span(between), handler(std::move(call)), over(ended) {}

  asio::steady_timer timer;
  std::chrono::nanoseconds span;
  std::function<void()> handler;
  const bool& over;
};

void await_beat(Beat& beat) {
  if (beat.over) return;
  beat.timer.expires_after(beat.span);
  beat.timer.async_wait([&beat](boost::system::error_code error) {
    if (error || beat.over) return;
    beat.handler();
    await_beat(beat);
  });
}

}  // namespace

struct Loop::State {
  asio::io_context context{1};
  std::list<Signals> signals;
  std::list<Beat> beats;
  std::size_t tasks = 0;
  bool over = false;
};

Loop::Loop() : state_(std::make_unique<State>()) {}
Loop::~Loop() = default;

void Loop::run() {
  state_->over = false;
  state_->context.restart();
  state_->context.run();
}

void Loop::stop() {
  state_->context.stop();
}

void Loop::post(std::function<void()> job) {
  asio::post(state_->context, std::move(job));
}

asio::io_context& Loop::context() {
  return state_->context;
}

void Loop::on_signals(std::initializer_list<int> signals,
                      std::function<void(int)> handler) {
  Signals& added =
      state_->signals.emplace_back(state_->context, std::move(handler), state_->over);
  for (int number : signals) added.set.add(number);
  await_signal(added);
}

void Loop::every(std::chrono::nanoseconds span, std::function<void()> handler) {
  await_beat(state_->beats.emplace_back(state_->context, span, std::move(handler),
                                        state_->over));
}

void Loop::task_started() {
  ++state_->tasks;
}

void Loop::task_ended() {
  if (--state_->tasks > 0) return;
  state_->over = true;
  for (Signals& signals : state_->signals) signals.set.cancel();
  for (Beat& beat : state_->beats) beat.timer.cancel();
}

asio::awaitable<void> sleep_for(std::chrono::nanoseconds span) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, span);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace net
