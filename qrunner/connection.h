// SPDX-License-Identifier: Apache-2.0
//
// One connection to a site: to which of its hosts, and to which next (Exim manual, "The
// smtp transport"; spec/queue-run.md 7, 8.1).
//
// Its hosts are tried in their order until one answers; each that does not, while
// others remain, has its line in the log and its retry record.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "net/client.h"
#include "net/event.h"
#include "qrunner/due_hosts.h"
#include "qrunner/workshop.h"

namespace qrunner {

// One connection's own things.
struct Connection {
  Connection(Workshop& workshop, SiteIndex number)
      : shop(workshop),
        index(number),
        site(workshop.terms.routes.sites().at(number)),
        gate(std::make_shared<net::Event>(workshop.loop)) {
    gate->open();
  }

  Workshop& shop;
  SiteIndex index;
  const Site& site;
  std::shared_ptr<net::Event> gate;  // shared with the settlement that opens it
  std::optional<net::Client> client;
  Peer peer;
  std::string greeting, hello;
  std::chrono::steady_clock::time_point opened{};
  Ending ending = Ending::well;
  std::string counted;  // the address that counts this connection; "": none
  std::vector<net::Endpoint> failed;  // hosts that did not come about
  bool turned_away = false;
  bool unjudged = false;  // nobody was reached, as if there were no network
};

// Connects to the first host that answers.  What there is to settle if none did;
// without verdicts: no host may be tried now.
asio::awaitable<std::optional<Settlement>> connect(Connection& connection,
                                                   const Outgoing& message);
// Others may have its place at the address.
void leave_address(Connection& connection);

// Where the message goes that this host would not have; nothing if it is the last.
std::optional<SiteIndex> next_host(Connection& connection, const Outgoing& message);
// The host of this connection put the message off before, and its time has not come.
bool waits_here(Connection& connection, const Outgoing& message);

}  // namespace qrunner
