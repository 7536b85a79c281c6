// SPDX-License-Identifier: Apache-2.0
#include "qrunner/delivery.h"

#include <expected>
#include <limits>
#include <optional>
#include <random>
#include <utility>

#include "policy/mail_address.h"
#include "qrunner/due_hosts.h"
#include "qrunner/hosts.h"
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

std::size_t throw_dice(std::size_t below) {
  thread_local std::mt19937_64 source{std::random_device{}()};
  return std::uniform_int_distribution<std::size_t>(0, below - 1)(source);
}

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
  Clock::time_point opened{};
  Ending ending = Ending::well;
  std::string counted;  // the address that counts this connection; "": none
  std::vector<net::Endpoint> failed;  // hosts that did not come about
  bool turned_away = false;
  bool unjudged = false;  // nobody was reached, as if there were no network
};

void log_or_stop(Workshop& shop, const MessageId& id, const std::string& text) {
  auto logged = shop.books.log.write(id.text(), text);
  if (!logged) shop.disaster(logged.error());
}

// The leg is over; those that waited for the message go on.
void let_go(Workshop& shop, SiteIndex site, const MessageId& id, Carried carried,
            bool again) {
  auto now = Clock::now();
  for (SiteIndex waiting : shop.hands.let_go(id, std::move(carried), again))
    shop.start(shop.ramp.routed(waiting, id, now));
  if (again) shop.start(shop.ramp.routed(site, id, now));
}

// Why a leg is not tried, told to whom it may concern.
void pass_over(Workshop& shop, SiteIndex site, const MessageId& id,
               const base::Error& error) {
  switch (error.code) {
    case base::Code::not_found:
      break;  // somebody else finished it
    case base::Code::usage:
      if (shop.books.shown.has(policy::LogItem::skip_delivery))
        log_or_stop(shop, id, error.text);
      break;
    case base::Code::locked:
      ++shop.books.tally.locked;
      shop.locked.push_back(id);
      if (!shop.second_look && shop.books.shown.has(policy::LogItem::skip_delivery))
        log_or_stop(shop, id,
                    "Spool file for " + id.str() +
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

Seeker seeker_of(const Workshop& shop, const Outgoing& message) {
  return {message.id(), message.targets().front()->unique,
          shop.books.retries.waiting(message.file())};
}

// How many hosts one message is tried at.
std::size_t most_hosts(const Connection& connection) {
  auto most = connection.site.transport->options.integer("hosts_max_try", 5);
  return most > 0 ? static_cast<std::size_t>(most)
                  : std::numeric_limits<std::size_t>::max();
}

// Where the message goes that this host would not have; nothing if it is the last.
std::optional<SiteIndex> next_host(Connection& connection, const Outgoing& message) {
  Workshop& shop = connection.shop;
  if (connection.site.hosts.empty()) return std::nullopt;
  Site rest = without(connection.site, {connection.peer.address, connection.peer.port});
  for (const net::Endpoint& host : connection.failed) rest = without(rest, host);
  if (rest.passed.size() >= most_hosts(connection)) return std::nullopt;
  auto first = [](std::size_t) { return std::size_t{0}; };
  auto hosts = candidates(rest, shop.terms.routes.names(), first);
  auto due =
      due_hosts(std::move(hosts), rest, seeker_of(shop, message), shop.books.retries);
  if (due.hosts.empty()) return std::nullopt;
  return shop.terms.routes.sites().index(rest);
}

// A leg more, for whom another host shall have.
void send_on(Workshop& shop, const MessageId& id, std::optional<SiteIndex> next) {
  if (next) shop.start(shop.ramp.routed(*next, id, Clock::now()));
}

// Does `finish` on the pool; what ends thereby is completed with others.
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

void settle_later(Connection& connection, Message message, Settlement settlement,
                  std::chrono::microseconds took = {},
                  std::optional<SiteIndex> next = {}) {
  Workshop& shop = connection.shop;
  Closing closing{std::move(message)};
  closing.leave.next = next;
  closing.leave.settlement = std::move(settlement);
  closing.leave.greeting = connection.greeting;
  closing.leave.hello = connection.hello;
  closing.leave.passes_dsn = connection.client && connection.client->server().dsn;
  closing.leave.took = took;
  if (!connection.peer.address.empty()) closing.peer = connection.peer;
  connection.gate->shut();
  shop.settlements.spawn(
      write_down(shop, connection.index, std::move(closing), connection.gate));
}

// The host of this connection put the message off before, and its time has not come.
bool waits_here(Connection& connection, const Outgoing& message) {
  if (!connection.client) return false;
  Candidate here{connection.peer.name,
                 {connection.peer.address, connection.peer.port},
                 connection.peer.secure_dns};
  Standing standing =
      standing_at(here, connection.site, seeker_of(connection.shop, message),
                  connection.shop.books.retries);
  return !may_try(standing);
}

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

// A host that failed while others remain has a line and a record of its own.
asio::awaitable<void> host_failed(Connection& connection, const Outgoing& message,
                                  const smtp::Breakdown& why, bool remember) {
  Workshop& shop = connection.shop;
  auto line = host_line(connection.peer, trouble_of(why), shop.books.shown);
  log_or_stop(shop, message.id(), line);
  if (shop.books.message_logs) message.message().log(line, shop.books.clock.now());
  if (!remember) co_return;
  const Peer& peer = connection.peer;
  RetrySubject subject =
      host_subject(host_item(connection.site, peer.name, peer.address, peer.port),
                   message.targets().front()->unique);
  Waiting waiting = shop.books.retries.waiting(message.file());
  auto job = [&] {
    shop.books.retries.failed(subject, failure_of(why, connection.site.by_mx), waiting);
  };
  co_await shop.pool.run(job);
}

void introduce(Connection& connection) {
  const net::Client& client = *connection.client;
  Peer& peer = connection.peer;
  peer.our_address = client.local().address;
  peer.our_port = client.local().port;
  peer.pipelining = client.server().pipelining;
  peer.authenticated = base::lower(client.authenticated());
  if (const net::TlsFacts* tls = client.tls()) {
    peer.cipher = tls->cipher;
    peer.peer_dn = tls->peer_dn;
    peer.certificate_verified = tls->verified ? "yes" : "no";
  }
  auto first_line = [](const smtp::Reply& reply) {
    return std::to_string(reply.code) + " " +
           reply.text.substr(0, reply.text.find('\n'));
  };
  connection.greeting = first_line(client.greeting());
  connection.hello = first_line(client.hello());
  connection.opened = Clock::now();
}

// "Come back when fewer are here": RFC 3463 codes and words that large sites use.
bool is_crowded(const smtp::Breakdown& why) {
  if (!why.reply || why.reply->code != 421) return false;
  const std::string& code = why.reply->enhanced;
  return code.starts_with("4.7.") || code == "4.3.2" || code == "4.4.5" ||
         base::lower(why.reply->text).find("too many") != std::string::npos;
}

void leave_address(Connection& connection) {
  if (connection.counted.empty()) return;
  std::string address = std::exchange(connection.counted, {});
  connection.shop.start(connection.shop.ramp.leave(address));
}

void approach(Connection& connection, const Candidate& host) {
  connection.peer = {};
  connection.peer.name = host.name;
  connection.peer.address = host.endpoint.address;
  connection.peer.port = host.endpoint.port;
  connection.peer.secure_dns = host.secure_dns;
}

// False: it bears no more connections.
bool enter_address(Connection& connection) {
  leave_address(connection);
  const std::string& address = connection.peer.address;
  connection.turned_away = !connection.shop.ramp.enter(address);
  if (!connection.turned_away) connection.counted = address;
  return !connection.turned_away;
}

using Opened = std::expected<net::Client, smtp::Breakdown>;

// Without TLS, if that is what failed and the policy does not insist.
asio::awaitable<Opened> open_host(Connection& connection, const Outgoing& message,
                                  net::Endpoint host, net::Client::Options options) {
  Tally& tally = connection.shop.books.tally;
  ++tally.connections;
  Opened opened = co_await net::Client::open(host, options);
  bool in_clear = !opened && opened.error().kind == smtp::Breakdown::Kind::tls_failed &&
                  options.tls.use == net::ClientTls::Use::may &&
                  options.tls.tempfail_tryclear;
  if (!in_clear) co_return opened;
  co_await host_failed(connection, message, opened.error(), false);
  options.tls.use = net::ClientTls::Use::never;
  ++tally.connections;
  co_return co_await net::Client::open(host, options);
}

// Nobody was reached at all, it may be our fault: nobody is judged yet.
Settlement wait_for_network(Connection& connection, const Outgoing& message) {
  connection.unjudged = true;
  connection.shop.network.put_aside(connection.index, message.id());
  return {};
}

// Connects to the first host that answers.  What there is to settle if none did.
asio::awaitable<std::optional<Settlement>> connect(Connection& connection,
                                                   const Outgoing& message) {
  Workshop& shop = connection.shop;
  const Site& site = connection.site;
  std::size_t people = message.targets().size();
  auto all = candidates(site, shop.terms.routes.names(), throw_dice);
  auto [hosts, hopeless] =
      due_hosts(std::move(all), site, seeker_of(shop, message), shop.books.retries);
  if (hopeless && site.passed.empty()) {
    auto domain = policy::take_apart(message.targets().front()->unique).domain;
    co_return give_up_all(people, domain);
  }
  if (hosts.empty()) co_return Settlement();  // and no verdicts
  std::size_t most = most_hosts(connection) - site.passed.size();
  if (hosts.size() > most) hosts.resize(most);
  std::vector<std::pair<Peer, smtp::Breakdown>> misses;  // that may be our own fault
  for (const Candidate& host : hosts) {
    approach(connection, host);
    if (!enter_address(connection)) continue;
    auto options = client_options(site, host, shop.terms.routes, shop.sessions);
    if (!options) co_return put_off_all(people, options.error().text);
    Opened opened = co_await open_host(connection, message, host.endpoint, *options);
    bool last = &host == &hosts.back();
    if (!opened && shop.network.suspects(opened.error())) {
      misses.emplace_back(connection.peer, opened.error());
      if (!last) continue;
      if (misses.size() == hosts.size())
        co_return wait_for_network(connection, message);
      misses.pop_back();  // it is told below
    }
    shop.network.saw(opened ? nullptr : &opened.error());
    for (auto& [peer, why] : std::exchange(misses, {})) {
      std::swap(connection.peer, peer);
      co_await host_failed(connection, message, why, true);
      std::swap(connection.peer, peer);
    }
    if (opened) {
      connection.client.emplace(std::move(*opened));
      introduce(connection);
      co_return std::nullopt;
    }
    const smtp::Breakdown& why = opened.error();
    connection.ending = is_crowded(why) ? Ending::crowded : Ending::failed;
    bool silent = why.kind == smtp::Breakdown::Kind::unreachable;
    connection.failed.push_back(host.endpoint);
    if (!last || silent) co_await host_failed(connection, message, why, !last);
    if (last) co_return defer_all(people, why, site.by_mx);
  }
  co_return Settlement();  // each address has enough connections
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
      next = co_await next_message(connection);  // what was postponed, too
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
