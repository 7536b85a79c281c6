// SPDX-License-Identifier: Apache-2.0
//
// One connection drains its site: RFC 5321 section 3, one round trip a message.
//
// While a message flows, the one before it is written down by the disk pool, and the
// one after it is locked and read already, so that its MAIL, RCPT and DATA can leave
// with this one's dot.  The gate holds a dot back until the message before is on
// record: at most one transaction of a connection is ever unaccounted for, which is
// the only window in which a crash can send a message twice.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>

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

// What all connections of a run share; lives on one loop.
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
};

// One connection to a site of the ramp's, from its start to its end; at the desk and
// where mail is written to this machine's disk it is somebody who does the work.
asio::awaitable<void> deliver(Workshop& shop, SiteIndex site);

// Bounces that no leg came to send.
asio::awaitable<void> tell(Workshop& shop, spoolfmt::MessageId id, Carried carried);

}  // namespace qrunner
