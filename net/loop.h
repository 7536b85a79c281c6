// SPDX-License-Identifier: Apache-2.0
//
// One event loop, for one thread.  What lives on a loop is touched by its thread only;
// loops talk to each other with post().
//
//   net::Loop loop;
//   net::TaskGroup tasks(loop);
//   loop.on_signals({SIGTERM, SIGINT}, [&](int) { listener.close(); tasks.cancel(); });
//   tasks.spawn(serve(...));
//   loop.run();  // until nothing is left to wait for
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>

#include <boost/asio/awaitable.hpp>

namespace boost::asio {
class io_context;
}

namespace net {

namespace asio = boost::asio;

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Returns when all tasks have ended, or after stop().
  void run();
  // From any thread: run() returns soon, tasks stay where they are.
  void stop();
  // From any thread: `job` runs on this loop's thread.
  void post(std::function<void()> job);

  // Calls `handler` on this loop for each such signal, until the last task ends: the
  // wait for signals does not keep run() from returning.
  void on_signals(std::initializer_list<int> signals, std::function<void(int)> handler);

  // Calls `handler` on this loop after each `span`, until the last task ends, too.
  // From this loop's thread, or before run().
  void every(std::chrono::nanoseconds span, std::function<void()> handler);

  asio::io_context& context();

 private:
  friend class TaskGroup;
  void task_started();
  void task_ended();

  struct State;
  std::unique_ptr<State> state_;
};

// Waits on the loop that runs the caller.
asio::awaitable<void> sleep_for(std::chrono::nanoseconds span);

}  // namespace net
