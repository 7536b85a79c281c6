// SPDX-License-Identifier: Apache-2.0
//
// A task that sleeps until another thread has done something for it.
//
//   auto start = [&](net::Wake wake) { queue.push({&job, std::move(wake)}); };
//   co_await net::suspend(start);
//
// Cancellation does not end the sleep: what was handed over is half done, and belongs
// to the other thread until that says otherwise.
#pragma once

#include <functional>

#include <boost/asio/awaitable.hpp>

namespace net {

namespace asio = boost::asio;

// Called once, from any thread: the task goes on on its own loop, which runs at least
// until then.
using Wake = std::move_only_function<void()>;

// Puts the caller to sleep and calls `start`, which sees to it that wake() is called.
asio::awaitable<void> suspend(std::function<void(Wake)> start);

}  // namespace net
