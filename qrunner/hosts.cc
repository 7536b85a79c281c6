// SPDX-License-Identifier: Apache-2.0
#include "qrunner/hosts.h"

#include <algorithm>

#include "base/text.h"
#include "policy/ip.h"
#include "policy/plain_list.h"
#include "policy/source.h"
#include "qrunner/smtp_settings.h"

namespace qrunner {

namespace {

struct Address {
  std::string text;
  bool secure = false;
};

// IPv6 first.
std::vector<Address> addresses_of(const std::string& name, const Names& names) {
  bool is_socket = name.starts_with('/');
  if (is_socket || policy::parse_ip(name)) return {{name, false}};
  std::vector<Address> addresses;
  for (const char* type : {"aaaa", "a"}) {
    auto answer = names.recall({type, base::lower(name)});
    if (!answer || !*answer) continue;
    for (const auto& fields : (*answer)->records)
      if (!fields.empty()) addresses.push_back({fields.front(), (*answer)->secure});
  }
  return addresses;
}

void shuffle(std::vector<SiteHost>& hosts, const Dice& dice) {
  for (std::size_t left = hosts.size(); left > 1; --left)
    std::swap(hosts[left - 1], hosts[dice(left)]);
}

// A transport's options about the host at hand.
class HostOptions {
 public:
  HostOptions(const Site& site, policy::Evaluation& evaluation)
      : transport_(*site.transport), evaluation_(evaluation) {}

  bool in(std::string_view list, bool otherwise = false) {
    return host_is_in(transport_, list, otherwise, evaluation_);
  }
  std::string text(std::string_view option, std::string_view otherwise = "") {
    auto value = option_text(transport_, option, evaluation_);
    if (!value && !trouble_)
      trouble_ = base::Error{base::Code::config, value.error().text};
    return value && *value ? **value : std::string(otherwise);
  }
  std::chrono::seconds time(std::string_view option, std::chrono::seconds otherwise) {
    return transport_.options.time(option, otherwise);
  }
  const std::optional<base::Error>& trouble() const { return trouble_; }

 private:
  const policy::Driver& transport_;
  policy::Evaluation& evaluation_;
  std::optional<base::Error> trouble_;
};

net::ClientTls tls_options(HostOptions& options, const Site& site,
                           const Candidate& host, net::TlsClientSessions& sessions) {
  using Use = net::ClientTls::Use;
  using Verify = net::TlsClientSetting::Verify;
  net::ClientTls tls;
  bool lmtp = site.smtp.protocol == SmtpSettings::Protocol::lmtp;
  bool must = options.in("hosts_require_tls");
  bool avoid = !must && (lmtp || options.in("hosts_avoid_tls"));
  tls.use = must ? Use::must : avoid ? Use::never : Use::may;
  if (tls.use == Use::never) return tls;
  tls.sessions = &sessions;
  tls.tempfail_tryclear =
      site.transport->options.boolean("tls_tempfail_tryclear", true);
  net::TlsClientSetting& setting = tls.target.setting;
  setting.certificate = options.text("tls_certificate");
  setting.key = options.text("tls_privatekey");
  setting.ciphers = options.text("tls_require_ciphers");
  setting.verify_certificates = options.text("tls_verify_certificates", "system");
  setting.revocations = options.text("tls_crl");
  setting.verify = options.in("tls_verify_hosts")             ? Verify::must
                   : options.in("tls_try_verify_hosts", true) ? Verify::attempt
                                                              : Verify::none;
  if (options.in("tls_verify_cert_hostnames", true)) tls.target.names = {host.name};
  tls.target.sni = site.smtp.sni;
  tls.target.resume = options.in("tls_resumption_hosts");
  return tls;
}

// What a plaintext authenticator's client_send comes to: a list, in which ^ is NUL and
// ^^ is ^.  PLAIN has identity, user and password in one string, LOGIN one after the
// other.
std::vector<std::string> credentials(std::string_view client_send) {
  std::vector<std::string> words;
  for (const std::string& element : policy::split_list(client_send).elements) {
    std::string word;
    for (std::size_t i = 0; i < element.size(); ++i) {
      bool doubled = i + 1 < element.size() && element[i + 1] == '^';
      if (element[i] == '^' && !doubled) {
        words.push_back(std::exchange(word, {}));
        continue;
      }
      word += element[i];
      if (element[i] == '^') ++i;
    }
    words.push_back(std::move(word));
  }
  std::erase(words, "");
  return words;
}

// The first authenticator that can speak for us as a client.
std::optional<net::ClientLogin> login(const policy::Policy& policy,
                                      policy::Evaluation& evaluation) {
  for (const policy::Driver& driver : policy.authenticators) {
    auto condition = option_text(driver, "client_condition", evaluation);
    if (condition && *condition && (**condition == "no" || **condition == "false"))
      continue;
    auto send = option_text(driver, "client_send", evaluation);
    if (!send || !*send) continue;
    auto words = credentials(**send);
    if (words.size() < 2) continue;
    net::ClientLogin login;
    login.user = words[words.size() - 2];
    login.password = words.back();
    return login;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Candidate> candidates(const Site& site, const Names& names,
                                  const Dice& dice) {
  std::vector<Candidate> found;
  for (std::size_t at = 0; at < site.hosts.size();) {
    std::vector<SiteHost> rank;
    unsigned which = site.hosts[at].rank;
    for (; at < site.hosts.size() && site.hosts[at].rank == which; ++at)
      rank.push_back(site.hosts[at]);
    shuffle(rank, dice);
    std::vector<Candidate> level;
    for (const SiteHost& host : rank) {
      auto port = host.port == 0 ? site.smtp.port : host.port;
      bool again = passes_over(site, host.name, port, names);
      for (const Address& address : addresses_of(host.name, names))
        level.push_back({host.name, {address.text, port}, address.secure, again});
    }
    std::ranges::stable_partition(level, [](const Candidate& one) {
      return one.endpoint.address.find(':') != std::string::npos;
    });
    for (Candidate& one : level) {
      bool twice = std::ranges::any_of(found, [&](const Candidate& before) {
        return before.endpoint == one.endpoint;
      });
      bool passed = std::ranges::find(site.passed, one.endpoint) != site.passed.end();
      if (!twice && !passed) found.push_back(std::move(one));
    }
  }
  return found;
}

bool passes_over(const Site& site, const std::string& name, std::uint16_t port,
                 const Names& names) {
  if (site.passed.empty()) return false;
  return std::ranges::any_of(addresses_of(name, names), [&](const Address& address) {
    return std::ranges::find(site.passed, net::Endpoint{address.text, port}) !=
           site.passed.end();
  });
}

hints::HostItem host_item(const Site& site, std::string_view name,
                          const net::Endpoint& host, const RetryBook& retries) {
  // What cannot be evaluated puts the message off (connect()).
  bool apart =
      retries.tells_addresses_apart(*site.transport, name, host.address).value_or(true);
  return {name, apart ? std::string_view(host.address) : "", host.port,
          site.smtp.interface};
}

base::Result<net::Client::Options> client_options(const Site& site,
                                                  const Candidate& host,
                                                  RoutePhase& routes,
                                                  net::TlsClientSessions& sessions) {
  using Protocol = net::Client::Protocol;
  static const spoolfmt::Queued nobody;
  RoutingContext context(routes.policy(), nobody, {}, routes.clock().now(),
                         routes.files(), routes.names());
  std::vector<std::string> name{host.name};
  context.set_host({host.endpoint.address, host.endpoint.port, &name});
  policy::Evaluation evaluation{
      .policy = routes.policy(), .context = context, .phase = policy::Phase::transport};
  HostOptions options(site, evaluation);
  net::Client::Options client;
  client.helo_name = site.smtp.helo;
  client.bind = site.smtp.interface;
  switch (site.smtp.protocol) {
    case SmtpSettings::Protocol::smtp:
      break;
    case SmtpSettings::Protocol::smtps:
      client.protocol = Protocol::smtps;
      break;
    case SmtpSettings::Protocol::lmtp:
      client.protocol = Protocol::lmtp;
      break;
  }
  client.pipelining = !options.in("hosts_avoid_pipelining");
  client.chunking = options.in("hosts_try_chunking", true);
  client.tls = tls_options(options, site, host, sessions);
  bool must_login = options.in("hosts_require_auth");
  if (must_login || options.in("hosts_try_auth")) {
    client.login = login(routes.policy(), evaluation);
    if (client.login) client.login->required = must_login;
  }
  net::ClientTimeouts& timeouts = client.timeouts;
  if (site.transport->driver == "lmtp") {
    timeouts.greeting = timeouts.command = timeouts.data_initiation =
        timeouts.data_block = timeouts.data_termination =
            options.time("timeout", std::chrono::minutes(5));
    return client;
  }
  auto seconds = [](net::Span span) {
    return std::chrono::duration_cast<std::chrono::seconds>(span);
  };
  timeouts.connect = options.time("connect_timeout", seconds(timeouts.connect));
  timeouts.greeting = options.time("command_timeout", seconds(timeouts.greeting));
  timeouts.command = options.time("command_timeout", seconds(timeouts.command));
  timeouts.data_initiation =
      options.time("command_timeout", seconds(timeouts.data_initiation));
  timeouts.data_block = options.time("data_timeout", seconds(timeouts.data_block));
  timeouts.data_termination =
      options.time("final_timeout", seconds(timeouts.data_termination));
  if (options.trouble()) return std::unexpected(*options.trouble());
  return client;
}

}  // namespace qrunner
