// SPDX-License-Identifier: Apache-2.0
#include "net/pool.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

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
  auto home = co_await asio::this_coro::executor;
  // The guard keeps the caller's loop running while its task sleeps.
  auto start = [this, &job, home](auto resume) {
    auto work = [&job, home, guard = asio::make_work_guard(home),
                 resume = std::move(resume)]() mutable {
      job();
      asio::post(home, std::move(resume));
    };
    asio::post(state_->threads, std::move(work));
  };
  using Token = const asio::use_awaitable_t<>;
  auto done =
      asio::async_initiate<Token, void()>(std::move(start), asio::use_awaitable);
  co_await std::move(done);
}

}  // namespace net
