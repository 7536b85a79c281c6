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

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "net/client.h"
#include "net/event.h"
#include "net/loop.h"
#include "net/pool.h"
#include "net/task_group.h"
#include "qrunner/ramp.h"
#include "qrunner/request.h"
#include "qrunner/route_phase.h"
#include "qrunner/settlement.h"
#include "spoolfmt/spool.h"

namespace qrunner {

namespace asio = net::asio;

// What all connections of a run share; lives on one loop.
struct Workshop {
  const spoolfmt::Spool& spool;
  const Request& request;
  const SiteOf& site_of;
  const std::vector<Site>& sites;
  std::string helo_name;
  Books& books;

  net::Loop& loop;
  net::Pool& pool;
  net::TaskGroup& connections;
  net::TaskGroup& settlements;  // never cancelled
  Ramp& ramp;
  std::vector<net::Event> news;                      // a site has work, or never again
  std::function<void(const Ramp::Starts&)> start;    // makes connections
  std::function<void(const base::Error&)> trouble;   // a message cannot be read
  std::function<void(const base::Error&)> disaster;  // the disk fails: stop the run
};

// One connection to a site of the ramp's, from its start to its end.
asio::awaitable<void> deliver(Workshop& shop, SiteIndex site);

// A message whose recipients are all done, as a crash leaves it, needs no connection.
asio::awaitable<void> bury(Workshop& shop, spoolfmt::MessageId id);

}  // namespace qrunner
