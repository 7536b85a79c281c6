// SPDX-License-Identifier: Apache-2.0
//
// One loop's share of the service: its listeners and its sessions.
//
// Several servers, each on a loop and thread of its own, may listen at the same
// address; the kernel spreads the connections.  All methods belong to the loop's
// thread, or come before it runs.
#pragma once

#include <list>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/fd.h"
#include "net/listener.h"
#include "net/task_group.h"
#include "receiver/entrance.h"
#include "receiver/seats.h"
#include "receiver/session.h"
#include "receiver/tally.h"

namespace receiver {

class Server {
 public:
  // Both must outlive the server.
  Server(net::Loop& loop, Seats& seats);

  // How connections are served from now on; those that are under way go on as they
  // began.  Before start(), at least once.
  void serve_by(std::shared_ptr<const Service> service,
                std::shared_ptr<Authenticators> authenticators);

  // Returns the address with its true port; `backlog` 0: as many as the system lets.
  base::Result<net::Endpoint> listen(const net::Endpoint& at, Opening opening,
                                     bool shared = false, unsigned backlog = 0);
  // The same at a socket that is listening already.
  base::Result<net::Endpoint> adopt_listener(base::Fd socket, Opening opening);
  // A client that was accepted by somebody else.
  base::Result<void> adopt_client(base::Fd socket, Opening opening);

  void start();
  // No new connections, no new transactions; the loop ends when the running ones have.
  void drain();
  // Whatever runs ends now, unaccepted.
  void stop();

  // Of the connections that come from now on.
  const Limits& limits() const { return service_->limits; }
  // Of each place where we listen, in the order they were named; once all were.
  std::vector<const Tally*> tallies() const;

 private:
  struct Door {
    net::Listener listener;
    Opening opening;
    Tally tally;
  };
  asio::awaitable<void> accept(Door& door);
  void admit(net::Stream stream, Opening opening, Tally& tally);
  void turn_away(net::Stream stream, const smtp::Reply& reply, std::string_view why);
  asio::awaitable<void> serve(std::shared_ptr<Session> session, Tally& tally);

  net::Loop& loop_;
  Seats& seats_;
  std::shared_ptr<const Service> service_;          // shared with the sessions
  std::shared_ptr<Authenticators> authenticators_;  // shared with them, too
  std::list<Door> doors_;
  std::list<std::pair<net::Stream, Opening>> waiting_;  // for start()
  Tally others_;                                        // who came through no door
  std::set<std::shared_ptr<Session>> sessions_;  // shared with the tasks that run them
  net::TaskGroup tasks_;
};

}  // namespace receiver
