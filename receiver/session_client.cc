// SPDX-License-Identifier: Apache-2.0
//
// Who the client is: before the greeting, and when STARTTLS, AUTH or XCLIENT change it.
#include <algorithm>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "base/text.h"
#include "base/version.h"
#include "receiver/received_header.h"
#include "receiver/session.h"
#include "smtp/proxy_header.h"

namespace receiver {

namespace {

using policy::LogItem;
using smtp::Standard;

constexpr net::Span kHandshake = std::chrono::seconds(30);

net::Endpoint endpoint(const smtp::ProxyHeader::Endpoint& from) {
  return {from.address, from.port};
}

// What XCLIENT said of the client's name stands; what it did not say is for the DNS.
HostNames names_of(const smtp::ClaimedClient& claimed) {
  using Name = smtp::ClaimedClient::Name;
  using State = HostNames::State;
  switch (claimed.name_state) {
    case Name::said:
      return {State::found, {claimed.name}};
    case Name::unavailable:
      return {State::failed, {}};
    case Name::try_again:
      return {State::deferred, {}};
    case Name::unsaid:
      break;
  }
  return {};
}

}  // namespace

asio::awaitable<bool> Session::meet() {
  bool proxied = opening_.proxy, looks_up = false;
  auto ask = [&] { proxied = asked_.listed("hosts_proxy", client_.peer.address); };
  if (!proxied) co_await evaluate(Phase::other, ask);
  if (proxied) {
    bool known = co_await read_proxy_header();
    if (!known) co_return false;
  }
  bool room = co_await find_room();
  if (!room) co_return false;
  client_.tls_on_connect =
      opening_.tls ||
      service_->settings.tls_on_connect_ports.contains(client_.local.port);
  if (client_.tls_on_connect) {
    bool started = co_await start_tls();
    if (!started) {
      hang_up("tls-failed");
      stream_.close();
      co_return false;
    }
  }
  auto ask_names = [&] { looks_up = asked_.listed("host_lookup"); };
  co_await evaluate(Phase::other, ask_names);
  if (looks_up) {
    auto job = [this] { context_.look_up_client(); };
    co_await service_->pool.run(job);
  }
  bool welcome = co_await greet();
  co_return welcome;
}

asio::awaitable<bool> Session::read_proxy_header() {
  smtp::ProxyHeaderParser parser;
  std::optional<smtp::ProxyHeader> header;
  const auto deadline =
      std::chrono::steady_clock::now() + service_->settings.proxy_timeout;
  base::Error trouble{base::Code::temporary, "no header came in time"};
  bool sound = true;
  while (sound && !header) {
    std::string_view input;
    try {
      input = co_await lines_.some(deadline - std::chrono::steady_clock::now());
    } catch (const boost::system::system_error& how) {
      if (how.code() != asio::error::timed_out) throw;
      sound = false;
      break;
    }
    std::string_view rest = input;
    auto fed = parser.feed(rest);
    lines_.consume(input.size() - rest.size());
    sound = fed.has_value();
    if (!fed)
      trouble = fed.error();
    else if (*fed)
      header = std::move(**fed);
  }
  if (!sound) {
    log("PROXY protocol error from " + client_name(client_) + ": " + trouble.text);
    hang_up("connection-lost");
    stream_.close();
    co_return false;
  }
  client_.steps += 'p';
  if (!header->addresses) co_return true;
  client_.proxy = Proxy{client_.socket_peer, endpoint(header->addresses->destination)};
  client_.peer = endpoint(header->addresses->source);
  dialogue_.identity_changed(client_.peer.address, false);
  co_return true;
}

// For one more client of this host, now that we know who it is.
asio::awaitable<bool> Session::find_room() {
  const Limits& limits = service_->limits;
  unsigned of_host = seat_.belongs_to(client_.peer.address);
  unsigned open = limits.clients - std::min(limits.clients, limits.reserve);
  std::string_view trouble;
  auto ask = [&] {
    auto most = asked_.number("smtp_accept_max_per_host");
    if (most && of_host > *most)
      trouble = "too many connections from this host";
    else if (limits.clients > 0 && limits.reserve > 0 && seat_.number() > open &&
             !asked_.listed("smtp_reserve_hosts"))
      trouble = "the last connections are for smtp_reserve_hosts";
  };
  co_await evaluate(Phase::other, ask);
  if (trouble.empty()) co_return true;
  log(std::string("Connection from ") + client_name(client_) +
      " refused: " + std::string(trouble));
  say(smtp::standard(Standard::too_many_connections));
  hang_up("acl-drop");
  co_return false;
}

asio::awaitable<bool> Session::start_tls() {
  net::TlsSetting setting;
  auto ask = [&] { setting = asked_.tls(); };
  co_await evaluate(Phase::other, ask);
  // The name is known in the middle of the handshake: then $tls_in_sni is.
  auto for_name = [this,
                   setting](std::string_view sni) -> base::Result<net::TlsSetting> {
    client_.tls.emplace().sni = sni;
    net::TlsSetting named = setting;
    asked_.choose_certificate(named);
    client_.tls.reset();
    return named;
  };
  std::string first = lines_.take();
  net::TlsForName choose = for_name;
  auto facts = co_await stream_.accept_tls(service_->tls, setting, choose, kHandshake,
                                           std::move(first));
  if (!facts) {
    log("TLS error on connection from " + client_name(client_) + ": " +
        facts.error().text);
    co_return false;
  }
  client_.tls = std::move(*facts);
  client_.steps += 's';
  client_.helo_name.clear();
  client_.extended = false;
  client_.login.reset();
  authentication_.forget();
  forget_message();
  dialogue_.tls_started();
  co_return true;
}

asio::awaitable<bool> Session::greet() {
  if (logs(LogItem::smtp_connection))
    log("SMTP connection from " + client_name(client_));
  if (lines_.has_input() && service_->settings.enforce_sync) {
    if (auto refusal = dialogue_.early_input()) {
      const std::string what = "connection";
      co_await lost_synchronisation(what);
      say(*refusal);
      co_return false;
    }
  }
  std::string banner, hostname;
  auto ask = [&] {
    banner = asked_.text("smtp_banner");
    hostname = asked_.text("smtp_active_hostname", service_->settings.hostname);
  };
  co_await evaluate(Phase::other, ask);
  std::string program = "bobbin " + std::string(base::kVersion) + " " +
                        base::format_mail_date(service_->world.clock.now());
  smtp::Reply greeting = banner.empty() ? smtp::greeting(hostname, program)
                                        : smtp::Reply{220, "", std::move(banner)};
  const std::string what = "connection in \"connect\" ACL";
  auto judgement = co_await judge(Phase::connect, what, greeting);
  context_.end_command();
  say(judgement.reply);
  if (!judgement.accepted()) hang_up("acl-drop");
  co_return judgement.accepted();
}

asio::awaitable<void> Session::renew_offer() {
  smtp::Offer offer;
  bool auth = false;
  auto ask = [&] {
    offer = asked_.offer(client_);
    auth = asked_.listed("auth_advertise_hosts");
  };
  co_await evaluate(Phase::other, ask);
  if (auth && !client_.login) {
    std::vector<std::string> troubles;
    offer.auth = co_await authentication_.mechanisms(troubles);
    for (const std::string& trouble : troubles) log(trouble);
  }
  dialogue_.offer(std::move(offer));
}

asio::awaitable<smtp::Reply> Session::starttls(const smtp::StartTls&) {
  smtp::Reply go = smtp::standard(Standard::start_tls);
  auto judgement = co_await judge(Phase::starttls, context_.command, go);
  if (!judgement.accepted()) co_return judgement.reply;
  net::TlsSetting setting;
  auto ask = [&] { setting = asked_.tls(); };
  co_await evaluate(Phase::other, ask);
  auto sound = service_->tls.check(setting);
  if (!sound) {
    log("TLS is not available: " + sound.error().text);
    co_return smtp::standard(Standard::tls_unavailable);
  }
  tls_due_ = true;
  co_return judgement.reply;
}

// What was sent behind STARTTLS in the clear was never said.
asio::awaitable<void> Session::finish_starttls() {
  co_await flush();
  lines_.forget();
  bool started = co_await start_tls();
  if (started) co_return;
  dialogue_.only_quit(smtp::standard(Standard::tls_failed));
  notquit_reason_ = "tls-failed";
}

asio::awaitable<smtp::Reply> Session::auth(const smtp::Auth& command) {
  smtp::Reply yes = smtp::standard(Standard::authenticated);
  const std::string what = "AUTH " + command.mechanism;
  auto judgement = co_await judge(Phase::auth, what, yes);
  if (!judgement.accepted()) co_return judgement.reply;
  client_.steps += 'a';
  AuthStep step = co_await authentication_.begin(
      command.mechanism, command.initial, context_.session.allow_auth_unadvertised);
  while (step.kind == AuthStep::Kind::challenge) {
    say(step.reply);
    co_await flush();
    net::LineReader::Line line = co_await lines_.next(service_->settings.timeout);
    std::string response(line.too_long ? "*" : line.text);
    step = co_await authentication_.answer(response);
  }
  if (step.kind == AuthStep::Kind::success) {
    client_.login = std::move(step.login);
    client_.refused_login.reset();
    co_return step.reply;
  }
  bool refused = step.reply.code == 535;
  if (refused) client_.refused_login = step.claimed;
  if (!step.authenticator.empty())
    log(step.authenticator + " authenticator failed for " + client_name(client_) +
        ": " + step.log);
  co_return step.reply;
}

asio::awaitable<smtp::Reply> Session::xclient(const smtp::Xclient& command) {
  const smtp::ClaimedClient& claimed = command.client;
  client_.proxy =
      Proxy{client_.socket_peer, {claimed.local_address, claimed.local_port}};
  client_.peer = {claimed.address, claimed.port};
  client_.host = names_of(claimed);
  client_.helo_name.clear();
  client_.helo_verified = client_.extended = false;
  client_.login.reset();
  if (claimed.login) client_.login = Login{"xclient", "", *claimed.login};
  client_.steps += 'x';
  forget_message();
  const smtp::Reply taken = smtp::standard(Standard::xclient_taken);
  const std::string what = "XCLIENT in \"connect\" ACL";
  auto judgement = co_await judge(Phase::connect, what, taken);
  if (judgement.accepted()) co_return taken;
  hang_up("acl-drop");
  co_return judgement.reply;
}

}  // namespace receiver
