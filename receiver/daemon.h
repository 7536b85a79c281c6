// SPDX-License-Identifier: Apache-2.0
//
// The servers at work, from the first connection to the last goodbye: threads, signals,
// the policy read again, and what the service manager wants to know.
//
//   SIGHUP             a new policy for new connections, if it is sound
//   SIGTERM, SIGINT    no new connections; who has a transaction may end it, for a time
//   ... once more      the end
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/cli.h"
#include "net/event.h"
#include "net/loop.h"
#include "net/service_manager.h"
#include "net/task_group.h"
#include "receiver/live_view.h"
#include "receiver/server.h"
#include "receiver/service.h"

namespace receiver {

class Daemon {
 public:
  struct Options {
    base::CommonOptions common;          // where the policy is
    std::filesystem::path data_scripts;  // the list that the launcher reads; "": none
    std::chrono::nanoseconds drain;      // how long transactions may go on
  };

  // All that is referred to must outlive it; one loop for each server, at least one.
  // From here on signals are heard, but nothing is done about them before run().
  Daemon(Options options, std::list<net::Loop>& loops, std::list<Server>& servers,
         const Lasting& lasting, net::ServiceManager manager);

  // The servers serve by this policy.  Before run().  Code::config.
  base::Result<void> serve_by(std::shared_ptr<const policy::Policy> policy);
  // Until the last session has ended.  `addresses`: where clients come to, in the order
  // in which the servers were told; `board`: to show there how it goes.
  void run(const std::vector<std::string>& addresses,
           std::optional<base::SharedBoard> board = {});

 private:
  // All that a reading of the policy makes, one `authenticators` a loop.
  struct Reading {
    std::shared_ptr<const Service> service;
    std::vector<std::shared_ptr<Authenticators>> authenticators;
  };
  base::Result<Reading> make(std::shared_ptr<const policy::Policy> policy) const;
  base::Result<Reading> read_again() const;
  asio::awaitable<void> reload();
  asio::awaitable<void> outlive_others();
  void on_hangup();
  void on_end();
  void each_server(void (Server::*call)());
  void hang_out(const std::vector<std::string>& addresses, base::SharedBoard board);
  void show();
  void feed_watchdog();
  void log(const std::string& text) const;

  const Options options_;
  std::list<net::Loop>& loops_;
  std::list<Server>& servers_;
  const Lasting& lasting_;
  net::ServiceManager manager_;
  net::TaskGroup tasks_;     // on the first loop
  net::Event others_ended_;  // the loops beside the first
  std::size_t others_;       // how many still run
  std::string status_;
  std::optional<LiveView> live_;
  bool reloading_ = false, again_ = false;  // SIGHUP came, and once more meanwhile
  bool draining_ = false;
  std::atomic<std::size_t> answers_;  // of loops, since the watchdog was fed
};

}  // namespace receiver
