// SPDX-License-Identifier: Apache-2.0
#include "qrunner/leg_end.h"

#include <algorithm>
#include <utility>

namespace qrunner {

namespace {

using Clock = std::chrono::steady_clock;
using Message = std::unique_ptr<Outgoing>;
using spoolfmt::MessageId;

// All that is left to do for one leg; moved to the task that does it.
struct Closing {
  Message message;
  Leave leave{};
  std::optional<Peer> peer{};
};

// Nobody else is left, and nobody asks for a report: its end is all there is to write.
bool only_ends(const Outgoing& message, const Settlement& settlement) {
  const auto& verdicts = settlement.verdicts;
  return message.one_left() && verdicts.size() == 1 &&
         verdicts.front().kind == Verdict::Kind::delivered &&
         !wants_report(Action::relayed,
                       message.recipient(*message.targets().front()).dsn_flags);
}

// Writes down what became of a message and opens the gate.
asio::awaitable<void> write_down(Workshop& shop, SiteIndex site, Closing closing,
                                 std::shared_ptr<net::Event> gate) {
  MessageId id = closing.message->id();
  bool untried = std::ranges::any_of(
      closing.leave.settlement.verdicts,
      [](const Verdict& one) { return one.kind == Verdict::Kind::untried; });
  bool again = closing.message->more_here() || untried;
  shop.settled(site, closing.leave.settlement);
  std::optional<SiteIndex> next = closing.leave.next;
  if (next) shop.hands.expect(id, 1);
  closing.leave.last = !again && shop.hands.last(id);
  if (closing.peer) closing.leave.peer = &*closing.peer;
  Carried carried = shop.hands.carried(id);
  Outgoing& message = *closing.message;
  Completions::Finish all = [&] {
    return finish(message, closing.leave, carried, shop.books);
  };
  base::Result<void> done;
  if (only_ends(message, closing.leave.settlement))
    done = co_await shop.completions.commit(std::move(closing.message), std::move(all));
  else
    done = co_await finish_alone(shop, closing.message, std::move(all));
  if (done)
    gate->open();
  else
    shop.disaster(done.error());  // and no dot leaves behind this one
  let_go(shop, site, id, std::move(carried), again);
  send_on(shop, id, next);
}

}  // namespace

void let_go(Workshop& shop, SiteIndex site, const MessageId& id, Carried carried,
            bool again) {
  auto now = Clock::now();
  for (SiteIndex waiting : shop.hands.let_go(id, std::move(carried), again))
    shop.start(shop.ramp.routed(waiting, id, now));
  if (again) shop.start(shop.ramp.routed(site, id, now));
}

void pass_over(Workshop& shop, SiteIndex site, const MessageId& id,
               const base::Error& error) {
  switch (error.code) {
    case base::Code::not_found:
      break;  // somebody else finished it
    case base::Code::usage:
      if (shop.books.shown.has(policy::LogItem::skip_delivery))
        shop.log(id, error.text);
      break;
    case base::Code::locked:
      ++shop.books.tally.locked;
      shop.locked.push_back(id);
      if (!shop.second_look && shop.books.shown.has(policy::LogItem::skip_delivery))
        shop.log(id, "Spool file for " + id.str() +
                         " is locked (another process is handling this message)");
      break;
    case base::Code::disk:
    case base::Code::no_space:
    case base::Code::temporary:
      shop.disaster(error);
      break;
    default:
      ++shop.books.tally.damaged;
      shop.trouble(error);
      break;
  }
  let_go(shop, site, id, shop.hands.carried(id), false);
}

void send_on(Workshop& shop, const MessageId& id, std::optional<SiteIndex> next) {
  if (next) shop.start(shop.ramp.routed(*next, id, Clock::now()));
}

asio::awaitable<base::Result<void>> finish_alone(Workshop& shop, Message& message,
                                                 Completions::Finish finish) {
  bool ended = false;
  auto job = [&] {
    auto finished = finish();
    ended = message && message->ended();
    if (!ended) message.reset();  // lets go of the lock, also on the pool
    return finished;
  };
  base::Result<std::string> finished = co_await shop.pool.run(job);
  if (!ended && !finished) co_return std::unexpected(finished.error());
  if (!ended) co_return base::Result<void>();
  Completions::Finish done = [&] { return finished; };
  auto lasts = co_await shop.completions.commit(std::move(message), std::move(done));
  co_return lasts;
}

void settle_later(Connection& connection, Message message, Settlement settlement,
                  std::chrono::microseconds took, std::optional<SiteIndex> next) {
  Workshop& shop = connection.shop;
  Closing closing{std::move(message)};
  closing.leave.next = next;
  closing.leave.settlement = std::move(settlement);
  closing.leave.greeting = connection.greeting;
  closing.leave.hello = connection.hello;
  closing.leave.passes_dsn = connection.client && connection.client->server().dsn;
  closing.leave.took = took;
  // What no host may have was not refused by this one.
  if (!connection.peer.address.empty() && closing.message->unfit().empty())
    closing.peer = connection.peer;
  connection.gate->shut();
  shop.settlements.spawn(
      write_down(shop, connection.index, std::move(closing), connection.gate));
}

}  // namespace qrunner
