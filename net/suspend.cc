// SPDX-License-Identifier: Apache-2.0
#include "net/suspend.h"

#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace net {

asio::awaitable<void> suspend(std::function<void(Wake)> start) {
  auto home = co_await asio::this_coro::executor;
  // The guard keeps the caller's loop running while its task sleeps.
  auto initiation = [&start, home](auto resume) {
    start([home, guard = asio::make_work_guard(home),
           resume = std::move(resume)]() mutable {
      asio::post(home, std::move(resume));
      guard.reset();
    });
  };
  using Token = const asio::use_awaitable_t<>;
  auto done =
      asio::async_initiate<Token, void()>(std::move(initiation), asio::use_awaitable);
  co_await std::move(done);
}

}  // namespace net
