// SPDX-License-Identifier: Apache-2.0
//
// What all connections of a run share.  Lives on one loop.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "net/event.h"
#include "net/loop.h"
#include "net/pool.h"
#include "net/task_group.h"
#include "net/tls_client.h"
#include "qrunner/books.h"
#include "qrunner/completions.h"
#include "qrunner/hands.h"
#include "qrunner/network_watch.h"
#include "qrunner/ramp.h"

namespace qrunner {

struct Workshop {
  const Outgoing::Terms& terms;
  Books& books;
  net::Loop& loop;
  net::Pool& pool;
  net::TaskGroup& connections;
  net::TaskGroup& settlements;  // never cancelled
  Completions& completions;
  Ramp& ramp;
  Hands hands{};
  net::TlsClientSessions sessions{};
  NetworkWatch network{};
  std::vector<spoolfmt::MessageId> locked{};         // by others, when their turn came
  bool second_look = false;                          // at those
  std::deque<net::Event> news{};                     // a site has work, or never again
  std::function<void(const Ramp::Starts&)> start{};  // makes connections
  // A transaction is over, well or not.
  std::function<void(SiteIndex, const Settlement&)> settled{};
  // A message whose way is to be found once more: a name has to be asked for.
  std::function<void(const spoolfmt::MessageId&)> reroute{};
  std::function<void(const base::Error&)> trouble{};   // a message cannot be read
  std::function<void(const base::Error&)> disaster{};  // the disk fails: stop the run

  // A line in the main log; if there cannot be one, the run stops.
  void log(const spoolfmt::MessageId& id, const std::string& text) const {
    if (auto done = books.log.write(id.text(), text); !done) disaster(done.error());
  }
};

}  // namespace qrunner
