// SPDX-License-Identifier: Apache-2.0
//
// Something one task waits for and another brings about, on the same loop.
#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "net/loop.h"

namespace net {

// Shut at first; once opened it stays open until it is shut again.  One or more tasks
// may wait.
class Event {
 public:
  explicit Event(Loop& loop);
  Event(Event&&) noexcept;
  ~Event();

  void open();
  void shut();
  bool is_open() const;
  // Returns at once if open.
  asio::awaitable<void> wait();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace net
