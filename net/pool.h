// SPDX-License-Identifier: Apache-2.0
//
// A few threads for work that blocks: syncs, and libraries that wait by themselves.
//
//   auto job = [&] { return spool.publish(message); };
//   base::Result<void> done = co_await pool.run(job);
//
// The caller's task sleeps meanwhile and goes on on its own loop.  A job that was
// started is always finished, even if the task is cancelled: it may be half way through
// a commit.  Declare a pool after the loops it serves, so that it ends before them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/awaitable.hpp>

namespace net {

namespace asio = boost::asio;

class Pool {
 public:
  explicit Pool(unsigned threads);
  ~Pool();  // waits for what was started
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // How many jobs wait for a thread.
  std::size_t waiting() const;

  // Runs `fn` on a pool thread and returns what it returned.  `fn` must not throw; what
  // it refers to must live until then.
  template <class Fn>
  asio::awaitable<std::invoke_result_t<Fn&>> run(Fn fn) {
    using Value = std::invoke_result_t<Fn&>;
    if constexpr (std::is_void_v<Value>) {
      std::function<void()> job = std::ref(fn);
      co_await run_job(std::move(job));
    } else {
      std::optional<Value> value;
      std::function<void()> job = [&value, &fn] { value.emplace(fn()); };
      co_await run_job(std::move(job));
      co_return std::move(*value);
    }
  }

 private:
  asio::awaitable<void> run_job(std::function<void()> job);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace net
