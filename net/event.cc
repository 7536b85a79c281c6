// SPDX-License-Identifier: Apache-2.0
#include "net/event.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace net {

// A timer that never fires: cancelling it wakes whoever waits.
struct Event::State {
  explicit State(Loop& loop)
      : timer(loop.context(), asio::steady_timer::time_point::max()) {}

  asio::steady_timer timer;
  bool open = false;
};

Event::Event(Loop& loop) : state_(std::make_unique<State>(loop)) {}
Event::Event(Event&&) noexcept = default;
Event::~Event() = default;

void Event::open() {
  state_->open = true;
  state_->timer.cancel();
}

void Event::shut() {
  state_->open = false;
}

bool Event::is_open() const {
  return state_->open;
}

asio::awaitable<void> Event::wait() {
  while (!state_->open) {
    // Opened or cancelled, the timer says aborted; a cancelled task throws in the next
    // round.
    boost::system::error_code aborted;
    auto token = asio::redirect_error(asio::use_awaitable, aborted);
    co_await state_->timer.async_wait(token);
  }
}

}  // namespace net
