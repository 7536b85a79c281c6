// SPDX-License-Identifier: Apache-2.0
#include "net/pool.h"

#include <atomic>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "net/suspend.h"

namespace net {

struct Pool::State {
  explicit State(unsigned count) : threads(count) {}
  asio::thread_pool threads;
  std::atomic<std::size_t> waiting = 0;
};

Pool::Pool(unsigned threads) : state_(std::make_unique<State>(threads)) {}

Pool::~Pool() {
  state_->threads.join();
}

std::size_t Pool::waiting() const {
  return state_->waiting;
}

asio::awaitable<void> Pool::run_job(std::function<void()> job) {
  auto start = [this, &job](Wake wake) {
    auto work = [this, &job, wake = std::move(wake)]() mutable {
      --state_->waiting;
      job();
      wake();
    };
    ++state_->waiting;
    asio::post(state_->threads, std::move(work));
  };
  co_await suspend(start);
}

}  // namespace net
