// SPDX-License-Identifier: Apache-2.0
#include "qrunner/connection.h"

#include <expected>
#include <limits>
#include <random>
#include <utility>

#include "base/text.h"
#include "policy/mail_address.h"
#include "qrunner/hosts.h"

namespace qrunner {

namespace {

using Clock = std::chrono::steady_clock;
using Opened = std::expected<net::Client, smtp::Breakdown>;

Seeker seeker_of(const Workshop& shop, const Outgoing& message) {
  return {message.id(), message.targets().front()->unique,
          shop.books.retries.waiting(message.file())};
}

std::size_t throw_dice(std::size_t below) {
  thread_local std::mt19937_64 source{std::random_device{}()};
  return std::uniform_int_distribution<std::size_t>(0, below - 1)(source);
}

// How many hosts one message is tried at.
std::size_t most_hosts(const Connection& connection) {
  auto most = connection.site.transport->options.integer("hosts_max_try", 5);
  return most > 0 ? static_cast<std::size_t>(most)
                  : std::numeric_limits<std::size_t>::max();
}

// A host that failed while others remain has a line and a record of its own.
asio::awaitable<void> host_failed(Connection& connection, const Outgoing& message,
                                  const smtp::Breakdown& why, bool remember) {
  Workshop& shop = connection.shop;
  auto line = host_line(connection.peer, trouble_of(why), shop.books.shown);
  shop.log(message.id(), line);
  if (shop.books.message_logs) message.message().log(line, shop.books.clock.now());
  if (!remember) co_return;
  const Peer& peer = connection.peer;
  net::Endpoint at{peer.address, peer.port};
  auto host = host_item(connection.site, peer.name, at, shop.books.retries);
  RetrySubject subject = host_subject(host, message.targets().front()->unique);
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

}  // namespace

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

bool waits_here(Connection& connection, const Outgoing& message) {
  if (!connection.client) return false;
  const Peer& peer = connection.peer;
  bool again = passes_over(connection.site, peer.name, peer.port,
                           connection.shop.terms.routes.names());
  Candidate here{peer.name, {peer.address, peer.port}, peer.secure_dns, again};
  return !may_try(own_standing_at(here, connection.site,
                                  seeker_of(connection.shop, message),
                                  connection.shop.books.retries));
}

void leave_address(Connection& connection) {
  if (connection.counted.empty()) return;
  std::string address = std::exchange(connection.counted, {});
  connection.shop.start(connection.shop.ramp.leave(address));
}

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
    auto apart = shop.books.retries.tells_addresses_apart(*site.transport, host.name,
                                                          host.endpoint.address);
    if (!apart) co_return put_off_all(people, apart.error().text);
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

}  // namespace qrunner
