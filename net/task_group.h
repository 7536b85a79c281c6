// SPDX-License-Identifier: Apache-2.0
//
// Tasks that belong together: started here, counted, cancelled together, waited for.
//
// The only co_spawn of the project.  A task that ends by an Asio error (the peer is
// gone or silent, or we were told to stop) has simply ended; any other exception is a
// bug and is reported as one.
#pragma once

#include <cstddef>
#include <memory>

#include <boost/asio/awaitable.hpp>

#include "net/loop.h"

namespace net {

class TaskGroup {
 public:
  // `loop` must outlive the group.
  explicit TaskGroup(Loop& loop);
  // The loop must have ended or the group be empty.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `task` on the loop; it refers only to what outlives it.  A cancelled group
  // drops it unstarted.  Call on the loop's thread, or before run().
  void spawn(asio::awaitable<void> task);

  // Every wait of every task ends with operation_aborted, now and later.
  void cancel();
  bool cancelled() const;

  std::size_t size() const;
  // Returns when the last task has ended; new ones may be spawned meanwhile.
  asio::awaitable<void> wait();

 private:
  struct State;
  std::shared_ptr<State> state_;  // also held by each task until it ends
};

}  // namespace net
