// SPDX-License-Identifier: Apache-2.0
//
// One loop's share of the service: its listeners and its sessions.
//
// Several servers, each on a loop and thread of its own, may listen at the same
// address; the kernel spreads the connections.  All methods belong to the loop's
// thread, or come before it runs.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <set>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "net/listener.h"
#include "net/task_group.h"
#include "receiver/session.h"

namespace receiver {

// Until an ACL says otherwise: mail is taken from this machine only.
bool is_welcome(std::string_view address);

class Server {
 public:
  // How many sessions all servers may have at a time, and have.
  struct Load {
    unsigned limit = 0;  // 0: none
    std::atomic<unsigned> sessions = 0;
  };

  // All must outlive the server.
  Server(net::Loop& loop, const Service& service, Load& load);

  // Returns the address with its true port.
  base::Result<net::Endpoint> listen(const net::Endpoint& at, bool shared);
  void start();

  // No new connections, no new transactions; the loop ends when the running ones have.
  void drain();
  // Whatever runs ends now, unaccepted.
  void stop();

 private:
  asio::awaitable<void> accept(net::Listener& listener);
  asio::awaitable<void> serve(std::shared_ptr<Session> session);

  net::Loop& loop_;
  const Service& service_;
  Load& load_;
  std::list<net::Listener> listeners_;
  std::set<std::shared_ptr<Session>> sessions_;  // shared with the tasks that run them
  net::TaskGroup tasks_;
};

}  // namespace receiver
