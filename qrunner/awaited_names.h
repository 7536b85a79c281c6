// SPDX-License-Identifier: Apache-2.0
//
// Messages that wait for the answer to a name, and whose fault it is if there is none:
// until one name was answered it may be our own side's, and nobody is judged by it
// (spec/queue-run.md 13.10).
//
// Lives on the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "net/task_group.h"
#include "qrunner/names.h"
#include "spoolfmt/message_id.h"

namespace qrunner {

class AwaitedNames {
 public:
  using Ids = std::vector<spoolfmt::MessageId>;

  struct Events {
    std::function<asio::awaitable<void>(Ids)> route;  // their names are known
    std::function<void()> silent;                     // nobody answers; told once
  };

  // Lookups are tasks of that group.
  AwaitedNames(Names& names, net::TaskGroup& lookups, Events events)
      : names_(names), lookups_(lookups), events_(std::move(events)) {}

  // The message waits for names, at least one.
  void park(const spoolfmt::MessageId& id, const std::vector<Names::Question>& wanted);
  // No name server answers: nobody is asked any more, and what waits is given up.
  bool silent() const { return silent_; }
  // A message whose names nobody will ask for, because the run ends.
  void give_up() { ++given_up_; }
  std::uint64_t given_up() const { return given_up_; }  // messages

  // Messages whose names nobody answered.  From now on that is the domains' fault: few
  // names, and no more to come.
  Ids judge();

 private:
  asio::awaitable<void> learn(Names::Question question);

  Names& names_;
  net::TaskGroup& lookups_;
  Events events_;
  std::map<Names::Question, Ids> parked_;
  Ids suspects_;           // of names that nobody answered, so far
  bool answered_ = false;  // some name was
  bool silent_ = false;
  std::uint64_t given_up_ = 0;
};

}  // namespace qrunner
