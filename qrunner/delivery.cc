// SPDX-License-Identifier: Apache-2.0
#include "qrunner/delivery.h"

#include <algorithm>
#include <utility>

#include "qrunner/connection.h"
#include "qrunner/leg_end.h"
#include "qrunner/local_delivery.h"

namespace qrunner {

namespace {

// How long a connection waits for late comers while the scan goes on.
constexpr auto kIdle = std::chrono::seconds(5);
// A connection that old takes no new message.
constexpr auto kOldest = std::chrono::seconds(300);
// Messages that share a sync; with more of them it hardly costs each one less.
constexpr std::size_t kGoodBatch = 24;

using Clock = std::chrono::steady_clock;
using Message = std::unique_ptr<Outgoing>;
using spoolfmt::MessageId;

// Perhaps another host will have it.
asio::awaitable<void> step_aside(Connection& connection, Message message) {
  Workshop& shop = connection.shop;
  MessageId id = message->id();
  std::optional<SiteIndex> next = next_host(connection, *message);
  Carried carried = shop.hands.carried(id);
  for (const Destination* target : message->targets())
    carried.whom(target->key).next = next;
  auto close = [&] { message.reset(); };
  co_await shop.pool.run(close);
  if (next)
    shop.hands.expect(id, 1);
  else
    ++shop.books.tally.not_due;
  let_go(shop, connection.index, id, std::move(carried), false);
  send_on(shop, id, next);
}

// The next message of the site that can be sent; null if there is none now.
asio::awaitable<Message> next_message(Connection& connection) {
  Workshop& shop = connection.shop;
  while (std::optional<Leg> leg = shop.ramp.take(connection.index)) {
    MessageId id = *leg;
    if (!shop.hands.take(id, connection.index)) continue;
    auto tried = shop.hands.tried(id);
    auto job = [&] { return Outgoing::open(shop.terms, id, connection.index, tried); };
    base::Result<Message> opened = co_await shop.pool.run(job);
    if (!opened) {
      pass_over(shop, connection.index, id, opened.error());
      continue;
    }
    if (const std::string& why = (*opened)->obstacle(); !why.empty()) {
      Settlement waits = put_off_all((*opened)->targets().size(), why);
      co_await connection.gate->wait();
      settle_later(connection, std::move(*opened), std::move(waits));
      continue;
    }
    if (const std::string& why = (*opened)->unfit(); !why.empty()) {
      Settlement fails = fail_all((*opened)->targets().size(), why, "5.6.0");
      co_await connection.gate->wait();
      settle_later(connection, std::move(*opened), std::move(fails));
      continue;
    }
    if ((*opened)->unrouted()) shop.reroute(id);
    bool any = !(*opened)->targets().empty();
    if (any && waits_here(connection, **opened)) {
      co_await step_aside(connection, std::move(*opened));
      continue;
    }
    if (any) co_return std::move(*opened);
    // Nobody to send to: they are done already, or go elsewhere by now.
    if ((*opened)->unrouted() || (*opened)->somebody_left()) {
      Message none = std::move(*opened);
      auto close = [&] { none.reset(); };
      co_await shop.pool.run(close);
      let_go(shop, connection.index, id, shop.hands.carried(id), false);
      continue;
    }
    co_await connection.gate->wait();
    settle_later(connection, std::move(*opened), {});
  }
  co_return Message();
}

// While the scan goes on, an open connection is worth a wait.
asio::awaitable<Message> late_comer(Connection& connection) {
  Workshop& shop = connection.shop;
  auto since = Clock::now();
  while (!shop.ramp.no_more(connection.index) && Clock::now() - since < kIdle) {
    net::Event& news = shop.news[connection.index];
    news.shut();
    shop.ramp.idle(connection.index);
    co_await news.wait();
    shop.ramp.not_idle(connection.index);
    Message message = co_await next_message(connection);
    if (message) co_return message;
  }
  co_return Message();
}

// Sends messages until there are none, or the connection is of no more use.  True if
// it broke.
asio::awaitable<bool> drain(Connection& connection, Message current) {
  Workshop& shop = connection.shop;
  net::Client& client = *connection.client;
  auto most = static_cast<unsigned>(
      connection.site.transport->options.integer("connection_max_messages", 500));
  auto goes_on = [&] {
    return (most == 0 || client.sent() + 1 < most) &&
           Clock::now() - connection.opened < kOldest;
  };
  while (current) {
    auto begun = Clock::now();
    if (auto why = smtp::obstacle(client.server(), current->envelope())) {
      Settlement refused = refuse_all(current->targets().size(), *why);
      co_await connection.gate->wait();
      settle_later(connection, std::move(current), std::move(refused));
      current = co_await next_message(connection);
      continue;
    }
    Message next;
    if (goes_on()) next = co_await next_message(connection);
    bool next_can = next && !smtp::obstacle(client.server(), next->envelope());
    // Head and body end their lines differently, so nothing is taken as it is.
    net::Message message{current->envelope(), current->content(),
                         connection.gate.get()};
    const smtp::Envelope* following = next_can ? &next->envelope() : nullptr;
    smtp::Outcome outcome = co_await client.send(message, following);
    // Held back by the gate or not, the settlement before must be over now.
    co_await connection.gate->wait();
    auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
    Settlement settlement = settle(current->envelope(), outcome, connection.site.by_mx);
    std::optional<SiteIndex> elsewhere;
    if (put_off_here(settlement)) elsewhere = next_host(connection, *current);
    if (elsewhere) send_elsewhere(settlement);
    bool comes_again = current->more_here() ||
                       std::ranges::any_of(settlement.verdicts, [](const Verdict& one) {
                         return one.kind == Verdict::Kind::untried;
                       });
    bool lost = settlement.connection_lost;
    bool any = std::ranges::any_of(settlement.verdicts, [](const Verdict& one) {
      return one.kind == Verdict::Kind::delivered;
    });
    connection.peer.chunking = outcome.chunked;
    // Where a good batch waits for our own disk, one more would only wait with it.
    bool keep_up = shop.pool.waiting() == 0 && shop.completions.waiting() < kGoodBatch;
    if (any)
      shop.start(shop.ramp.succeeded(connection.index, took, Clock::now(), keep_up));
    settle_later(connection, std::move(current), std::move(settlement), took,
                 elsewhere);
    connection.peer.continued = true;
    if (!client.usable()) {
      if (next) {
        MessageId id = next->id();
        auto close = [&] { next.reset(); };
        co_await shop.pool.run(close);
        let_go(shop, connection.index, id, shop.hands.carried(id), true);
      }
      co_return lost;
    }
    if (!next && goes_on()) {
      // Who was postponed travels on this connection, too, once the others are settled.
      if (comes_again) co_await connection.gate->wait();
      next = co_await next_message(connection);
      if (!next) next = co_await late_comer(connection);
    }
    current = std::move(next);
  }
  co_await client.quit();
  co_return false;
}

// Work that needs no connection, one message after the other.
asio::awaitable<void> work(Connection& connection, Message message) {
  Workshop& shop = connection.shop;
  while (message) {
    Settlement settlement;
    if (connection.site.kind == Site::Kind::local) {
      auto job = [&] { return deliver_locally(*message, shop.terms.routes); };
      settlement = co_await shop.pool.run(job);
    }
    co_await connection.gate->wait();
    settle_later(connection, std::move(message), std::move(settlement));
    co_await connection.gate->wait();
    shop.start(shop.ramp.succeeded(connection.index));
    message = co_await next_message(connection);
  }
}

// No host may be tried now; the message is as it was.
asio::awaitable<void> put_back(Connection& connection, Message message) {
  Workshop& shop = connection.shop;
  MessageId id = message->id();
  auto close = [&] { message.reset(); };
  co_await shop.pool.run(close);
  bool again = connection.turned_away;
  bool held = !again && !connection.unjudged;  // by retry times
  if (held) ++shop.books.tally.not_due;
  if (held) connection.ending = Ending::failed;
  let_go(shop, connection.index, id, shop.hands.carried(id), again);
}

}  // namespace

asio::awaitable<void> deliver(Workshop& shop, SiteIndex site) {
  Connection connection(shop, site);
  Message message = co_await next_message(connection);
  if (message && connection.site.kind != Site::Kind::smtp) {
    co_await work(connection, std::move(message));
  } else if (message) {
    auto settlement = co_await connect(connection, *message);
    if (!settlement) {
      connection.ending = Ending::well;
      bool lost = co_await drain(connection, std::move(message));
      if (lost) connection.ending = Ending::failed;
    } else if (settlement->verdicts.empty()) {
      co_await put_back(connection, std::move(message));
    } else {
      co_await connection.gate->wait();
      settle_later(connection, std::move(message), std::move(*settlement));
    }
  }
  co_await connection.gate->wait();
  std::string address = connection.peer.address;
  leave_address(connection);
  bool waits = connection.turned_away && !connection.client;
  shop.start(waits ? shop.ramp.turned_away(site, address)
                   : shop.ramp.closed(site, connection.ending, Clock::now()));
}

asio::awaitable<void> tell(Workshop& shop, MessageId id, Carried carried) {
  Message message;
  Completions::Finish all = [&]() -> base::Result<std::string> {
    message = TRY(Outgoing::open(shop.terms, id, kDesk, carried.tried));
    Leave leave;
    Verdict untried;
    untried.kind = Verdict::Kind::untried;
    leave.settlement.verdicts.assign(message->targets().size(), untried);
    return finish(*message, leave, carried, shop.books);
  };
  auto done = co_await finish_alone(shop, message, std::move(all));
  if (!done) pass_over(shop, kDesk, id, done.error());
}

}  // namespace qrunner
