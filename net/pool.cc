// SPDX-License-Identifier: Apache-2.0
#include "net/pool.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "net/suspend.h"

namespace net {

struct Pool::State {
  explicit State(unsigned count) : threads(count) {}
  asio::thread_pool threads;
};

Pool::Pool(unsigned threads) : state_(std::make_unique<State>(threads)) {}

Pool::~Pool() {
  state_->threads.join();
}

asio::awaitable<void> Pool::run_job(std::function<void()> job) {
  auto start = [this, &job](Wake wake) {
    auto work = [&job, wake = std::move(wake)]() mutable {
      job();
      wake();
    };
    asio::post(state_->threads, std::move(work));
  };
  co_await suspend(start);
}

}  // namespace net
