// SPDX-License-Identifier: Apache-2.0
#include "qrunner/delivery.h"

#include <optional>
#include <utility>

namespace qrunner {

namespace {

// Peers may count, and drop a connection they think too long (Exim's default, too).
constexpr unsigned kMostMessages = 500;
// How long a connection waits for late comers while the scan goes on.
constexpr auto kIdle = std::chrono::seconds(5);

using Message = std::unique_ptr<Outgoing>;

// One connection's own things.
struct Connection {
  Connection(Workshop& workshop, SiteIndex index)
      : shop(workshop), site(index), gate(std::make_shared<net::Event>(workshop.loop)) {
    gate->open();
  }

  const Site& where() const { return shop.sites[site]; }

  Workshop& shop;
  SiteIndex site;
  std::shared_ptr<net::Event> gate;  // shared with the settlement that opens it
  std::optional<net::Client> client;
  Peer peer;
};

// Why a leg is not tried, told to whom it may concern.
void pass_over(Workshop& shop, const spoolfmt::MessageId& id,
               const base::Error& error) {
  switch (error.code) {
    case base::Code::not_found:
      return;  // somebody else finished it
    case base::Code::usage: {
      auto logged = shop.books.log.write(id.text(), error.text);
      if (!logged) shop.disaster(logged.error());
      return;
    }
    case base::Code::locked: {
      ++shop.books.tally.locked;
      auto logged = shop.books.log.write(
          id.text(), "Spool file for " + id.str() +
                         " is locked (another process is handling this message)");
      if (!logged) shop.disaster(logged.error());
      return;
    }
    case base::Code::disk:
    case base::Code::temporary:
      return shop.disaster(error);
    default:
      ++shop.books.tally.damaged;
      return shop.trouble(error);
  }
}

// Writes down what became of a message, on the pool, and opens the gate.
asio::awaitable<void> write_down(Workshop& shop, SiteIndex site, Message message,
                                 Settlement settlement, std::optional<Peer> peer,
                                 std::shared_ptr<net::Event> gate) {
  auto job = [&] {
    auto done = finish(*message, settlement, shop.sites[site], peer ? &*peer : nullptr,
                       shop.books);
    message.reset();  // lets go of the lock, also on the pool
    return done;
  };
  base::Result<void> done = co_await shop.pool.run(job);
  if (done)
    gate->open();
  else
    shop.disaster(done.error());  // and no dot leaves behind this one
}

void settle_later(Connection& connection, Message message, Settlement settlement) {
  Workshop& shop = connection.shop;
  std::optional<Peer> peer;
  if (!connection.peer.address.empty()) peer = connection.peer;
  connection.gate->shut();
  shop.settlements.spawn(write_down(shop, connection.site, std::move(message),
                                    std::move(settlement), std::move(peer),
                                    connection.gate));
}

// The next message of the site that can be sent; null if there is none now.
asio::awaitable<Message> next_message(Connection& connection) {
  Workshop& shop = connection.shop;
  while (std::optional<Leg> leg = shop.ramp.take(connection.site)) {
    auto job = [&] {
      return Outgoing::open(shop.spool, *leg, shop.request.force_frozen,
                            connection.site, shop.site_of);
    };
    base::Result<Message> opened = co_await shop.pool.run(job);
    if (!opened) {
      pass_over(shop, *leg, opened.error());
      continue;
    }
    if (!(*opened)->targets().empty()) co_return std::move(*opened);
    // Nobody to send to: done already, or held.
    co_await connection.gate->wait();
    settle_later(connection, std::move(*opened), {});
  }
  co_return Message();
}

// While the scan goes on, an open connection is worth a wait.
asio::awaitable<Message> late_comer(Connection& connection) {
  Workshop& shop = connection.shop;
  auto since = std::chrono::steady_clock::now();
  while (!shop.ramp.no_more(connection.site) &&
         std::chrono::steady_clock::now() - since < kIdle) {
    net::Event& news = shop.news[connection.site];
    news.shut();
    shop.ramp.idle(connection.site);
    co_await news.wait();
    shop.ramp.not_idle(connection.site);
    Message message = co_await next_message(connection);
    if (message) co_return message;
  }
  co_return Message();
}

// Connects to the first host that answers.  What the last one said, if none did.
asio::awaitable<base::Result<void>> connect(Connection& connection,
                                            const spoolfmt::MessageId& id) {
  Workshop& shop = connection.shop;
  base::Result<void> result = base::fail(base::Code::temporary, "no host");
  for (const net::Endpoint& host : connection.where().hosts) {
    net::Client::Options options;
    options.helo_name = shop.helo_name;
    ++shop.books.tally.connections;
    base::Result<net::Client> opened = co_await net::Client::open(host, options);
    connection.peer = {connection.where().name, host.address, false, false};
    if (opened) {
      connection.client.emplace(std::move(*opened));
      connection.peer.pipelined = connection.client->server().pipelining;
      co_return base::Result<void>();
    }
    result = std::unexpected(opened.error());
    Trouble trouble = connection_trouble(opened.error(), "initial connection");
    auto logged = shop.books.log.write(id.text(), host_line(connection.peer, trouble));
    if (!logged) shop.disaster(logged.error());
  }
  co_return result;
}

// Sends messages until there are none, or the connection is of no more use.  True if
// it broke.
asio::awaitable<bool> drain(Connection& connection, Message current) {
  Workshop& shop = connection.shop;
  net::Client& client = *connection.client;
  while (current) {
    Message next;
    if (client.sent() + 1 < kMostMessages) next = co_await next_message(connection);
    net::Message message{current->envelope(), current->content(),
                         connection.gate.get()};
    const smtp::Envelope* following = next ? &next->envelope() : nullptr;
    smtp::Outcome outcome = co_await client.send(message, following);
    // Held back by the gate or not, the settlement before must be over now.
    co_await connection.gate->wait();
    Settlement settlement =
        settle(current->envelope(), outcome, connection.peer.pipelined);
    bool lost = settlement.connection_lost;
    if (!settlement.delivered.empty()) shop.start(shop.ramp.succeeded(connection.site));
    settle_later(connection, std::move(current), std::move(settlement));
    connection.peer.continued = true;
    if (!client.usable()) {
      if (next) shop.ramp.give_back(connection.site, next->id());
      co_return lost;
    }
    if (!next && client.sent() < kMostMessages) next = co_await late_comer(connection);
    current = std::move(next);
  }
  co_await client.quit();
  co_return false;
}

}  // namespace

asio::awaitable<void> deliver(Workshop& shop, SiteIndex site) {
  Connection connection(shop, site);
  bool failed = false;
  Message message = co_await next_message(connection);
  if (message) {
    base::Result<void> connected = co_await connect(connection, message->id());
    if (connected) {
      failed = co_await drain(connection, std::move(message));
    } else {
      failed = true;
      Trouble trouble = connection_trouble(connected.error(), "initial connection");
      Settlement settlement = defer_all(message->targets().size(), trouble);
      co_await connection.gate->wait();
      settle_later(connection, std::move(message), std::move(settlement));
    }
  }
  co_await connection.gate->wait();
  shop.start(shop.ramp.closed(site, failed));
}

asio::awaitable<void> bury(Workshop& shop, spoolfmt::MessageId id) {
  constexpr SiteIndex kNowhere = ~SiteIndex{0};
  auto job = [&]() -> base::Result<void> {
    auto message = TRY(Outgoing::open(shop.spool, id, shop.request.force_frozen,
                                      kNowhere, shop.site_of));
    return finish(*message, {}, {}, nullptr, shop.books);
  };
  base::Result<void> done = co_await shop.pool.run(job);
  if (!done) pass_over(shop, id, done.error());
}

}  // namespace qrunner
