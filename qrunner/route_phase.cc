// SPDX-License-Identifier: Apache-2.0
#include "qrunner/route_phase.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "policy/ip.h"
#include "policy/mail_address.h"
#include "policy/routing.h"
#include "policy/source.h"
#include "qrunner/message_events.h"
#include "qrunner/transport_options.h"

namespace qrunner {

namespace {

using policy::RoutedAddress;
using policy::RoutedHost;
using Kind = Destination::Kind;

// Exim's number for "the DNS did not answer".
constexpr int kDnsDeferred = -36;

// Looks at one message, an address at a time.
class Planner {
 public:
  Planner(const policy::Policy& policy, const RetryBook& retries, Sites& sites,
          const spoolfmt::Queued& queued, RoutingContext& context)
      : policy_(policy),
        retries_(retries),
        sites_(sites),
        queued_(queued),
        context_(context),
        waiting_(retries.waiting(queued.h.file)) {
    for (const auto& node : queued.h.file.delivered.nodes) done_.insert(node.name);
    for (std::string_view line : queued.journal) done_.insert(line);
  }

  Plan plan() {
    each_left([this](std::size_t recipient, std::string_view address,
                     std::string unique) { consider(recipient, address, unique); });
    give_keys();
    hold_back();
    plan_.wanted = context_.wanted();
    return std::move(plan_);
  }

  Plan give_up() {
    each_left([this](std::size_t recipient, std::string_view, std::string unique) {
      Destination destination;
      destination.recipient = recipient;
      destination.unique = std::move(unique);
      fail(destination, std::string(kCancelledText));
      plan_.destinations.push_back(std::move(destination));
    });
    give_keys();
    return std::move(plan_);
  }

 private:
  void each_left(auto call) {
    const auto& recipients = queued_.h.file.recipients;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
      std::string unique = spoolfmt::unique_form(recipients[i].address);
      if (!done_.contains(recipients[i].address) && !done_.contains(unique))
        call(i, recipients[i].address, std::move(unique));
    }
  }

  void consider(std::size_t recipient, std::string_view address,
                const std::string& unique) {
    if (retries_.may_route(unique, waiting_)) return route(recipient, address);
    Destination destination;
    destination.kind = Kind::waits;
    destination.recipient = recipient;
    destination.unique = unique;
    plan_.destinations.push_back(std::move(destination));
  }

  void route(std::size_t recipient, std::string_view address) {
    auto all = policy::route(policy_, address, policy::RoutePurpose::deliver, context_);
    for (RoutedAddress& routed : all) {
      if (routed.duplicate) continue;
      Destination destination;
      destination.recipient = recipient;
      destination.unique = spoolfmt::unique_form(routed.address);
      // As Exim knows a file or a pipe: by itself and whose it is.
      if (!routed.target.empty())
        destination.unique = routed.target + ":" + destination.unique;
      destination.routed = std::move(routed);
      decide(destination);
      plan_.destinations.push_back(std::move(destination));
    }
    if (!all.empty()) return;
    // Who goes nowhere would be taken for done.
    Destination nowhere;
    nowhere.recipient = recipient;
    nowhere.unique = spoolfmt::unique_form(address);
    defer(nowhere, "routing came to nothing");
    plan_.destinations.push_back(std::move(nowhere));
  }

  // Several ways to one address are told apart by their transports, as Exim does; two
  // recipients that come to the same address and transport are one delivery.
  void give_keys() {
    std::unordered_map<std::string_view, std::set<std::string_view>> ways;
    auto way = [](const Destination& one) -> std::string_view {
      return one.routed.transport.empty() ? one.routed.router : one.routed.transport;
    };
    for (const Destination& one : plan_.destinations) ways[one.unique].insert(way(one));
    std::set<std::string> parents = parents_of_others();
    for (Destination& one : plan_.destinations) {
      bool only = ways[one.unique].size() == 1 && !parents.contains(one.unique);
      one.key = only ? one.unique : one.unique + "/" + std::string(way(one));
      if (done_.contains(one.key)) one.kind = Kind::done;
    }
  }

  // Addresses whose name alone would stand for others too: "joe" that came to "joe" and
  // "ann", and is not over before both are.
  std::set<std::string> parents_of_others() const {
    std::set<std::string> parents;
    for (const Destination& one : plan_.destinations)
      for (const std::string& ancestor : one.routed.ancestors)
        parents.insert(spoolfmt::unique_form(ancestor));
    return parents;
  }

  void hold_back() {
    for (Destination& one : plan_.destinations) {
      if (one.kind != Kind::send) continue;
      const Site& site = sites_.at(one.site);
      if (site.kind == Site::Kind::local &&
          !retries_.may_deliver(local_subject(one, *site.transport), waiting_))
        one.kind = Kind::waits;
    }
  }

  static void fail(Destination& destination, std::string message) {
    destination.kind = Kind::fail;
    destination.routed.message = std::move(message);
  }

  static void defer(Destination& destination, std::string message, int number = -1) {
    destination.kind = Kind::defer;
    destination.number = number;
    destination.routed.message = std::move(message);
  }

  static void leave(Destination& destination, std::string what) {
    destination.kind = Kind::foreign;
    destination.routed.message = std::move(what);
  }

  void decide(Destination& destination) {
    switch (destination.routed.outcome) {
      case RoutedAddress::Outcome::fail:
        destination.kind = Kind::fail;
        return judge_null_mx(destination);
      case RoutedAddress::Outcome::defer: {
        std::string why = destination.routed.message;
        bool dns = why.starts_with("host lookup did not") || why.starts_with("SRV");
        return defer(destination, std::move(why), dns ? kDnsDeferred : -1);
      }
      case RoutedAddress::Outcome::discard:
        destination.kind = Kind::discard;
        return;
      case RoutedAddress::Outcome::pipe:
        return leave(destination, "a pipe");
      case RoutedAddress::Outcome::file:
      case RoutedAddress::Outcome::directory:
        return leave(destination, "a file named by an address");
      case RoutedAddress::Outcome::deliver:
      case RoutedAddress::Outcome::redirected:
        return choose_site(destination);
    }
  }

  // RFC 7505: the domain says that it takes no mail, and the sender should hear so.
  void judge_null_mx(Destination& destination) {
    auto domain = policy::take_apart(destination.unique).domain;
    auto known = context_.known("mx", domain);
    if (!known || !*known || (*known)->records.size() != 1) return;
    const auto& fields = (*known)->records.front();
    if (fields.size() < 2 || (fields[1] != "." && !fields[1].empty())) return;
    // What a router said of its own is for the sender to read.
    if (destination.routed.message != "Unrouteable address") return;
    destination.status = "5.1.10";
    destination.routed.message = "the domain accepts no mail (null MX)";
  }

  void choose_site(Destination& destination) {
    const policy::Driver* transport =
        policy::find_transport(policy_, destination.routed.transport);
    if (!transport)
      return defer(destination, "there is no transport " +
                                    policy::quote(destination.routed.transport));
    if (auto option = unserved(*transport))
      return leave(destination,
                   "option " + *option + " of transport " + transport->name);
    if (transport->driver == "smtp") return to_hosts(destination, *transport);
    if (transport->driver == "lmtp") return to_socket(destination, *transport);
    bool maildir = transport->driver == "appendfile" &&
                   transport->options.boolean("maildir_format", false);
    if (!maildir && transport->driver != "queuefile")
      return leave(destination, "transport driver " + transport->driver);
    if (is_of_another(destination, *transport))
      return leave(destination, "router " + destination.routed.router +
                                    " has it delivered by another user");
    Site site;
    site.kind = Site::Kind::local;
    site.name = transport->name;
    site.transport = transport;
    destination.site = sites_.index(site);
  }

  bool is_of_another(const Destination& destination, const policy::Driver& transport) {
    const policy::Driver* router = router_of(destination);
    return router && !transport.options.has("user") &&
           delivers_as_another(*router, destination.routed.local_part);
  }

  void to_hosts(Destination& destination, const policy::Driver& transport) {
    lookup_deferred_ = false;
    policy::Evaluation evaluation{
        .policy = policy_, .context = context_, .phase = policy::Phase::transport};
    Site site;
    site.kind = Site::Kind::smtp;
    site.transport = &transport;
    site.by_mx = destination.routed.by_mx;
    auto settings = smtp_settings(transport, evaluation);
    if (!settings) return defer(destination, settings.error().text);
    site.smtp = *std::move(settings);
    auto hosts = hosts_of(destination, transport, evaluation);
    if (!hosts) return;
    for (const RoutedHost& host : *hosts) {
      bool more = add_host(destination, host, site);
      if (!more) return;
    }
    if (site.hosts.empty()) return without_hosts(destination);
    number_ranks(site.hosts);
    site.name = display_name(site.hosts);
    destination.site = sites_.index(site);
  }

  void to_socket(Destination& destination, const policy::Driver& transport) {
    policy::Evaluation evaluation{
        .policy = policy_, .context = context_, .phase = policy::Phase::transport};
    auto socket = option_text(transport, "socket", evaluation);
    if (!socket) return defer(destination, socket.error().text);
    std::string path = socket->value_or("");
    if (!path.starts_with('/'))
      return defer(destination, "socket of transport " + transport.name +
                                    " is no absolute path: " + policy::quote(path));
    Site site;
    site.kind = Site::Kind::smtp;
    site.name = path;
    site.transport = &transport;
    site.hosts.push_back({std::move(path)});
    site.smtp = lmtp_settings(policy_);
    destination.site = sites_.index(site);
  }

  // The router's, or else the transport's.  Nothing: it is decided already.
  std::optional<std::vector<RoutedHost>> hosts_of(Destination& destination,
                                                  const policy::Driver& transport,
                                                  policy::Evaluation& evaluation) {
    bool override_them = transport.options.boolean("hosts_override", false);
    std::vector<RoutedHost> hosts = destination.routed.hosts;
    if (hosts.empty() || override_them) {
      auto own = option_text(transport, "hosts", evaluation);
      if (!own) {
        defer(destination, own.error().text);
        return std::nullopt;
      }
      if (*own) {
        policy::HostOptions how;
        how.randomize = transport.options.boolean("hosts_randomize", false);
        hosts = policy::parse_hosts(**own, how);
      }
    }
    std::vector<RoutedHost> last = destination.routed.fallback_hosts;
    if (last.empty()) {
      auto own = option_text(transport, "fallback_hosts", evaluation);
      if (!own) {
        defer(destination, own.error().text);
        return std::nullopt;
      }
      policy::HostOptions how;
      how.randomize = transport.options.boolean("hosts_randomize", false);
      last = policy::parse_hosts(own->value_or(""), how);
    }
    for (RoutedHost& host : last) {
      host.group += 1U << 20;  // after all others
      hosts.push_back(std::move(host));
    }
    if (!hosts.empty()) return hosts;
    defer(destination, transport.name + " transport called with no hosts set");
    return std::nullopt;
  }

  // False: what was found out about this host decides about the address.
  bool add_host(Destination& destination, const RoutedHost& host, Site& site) {
    unsigned rank = host.group * 1000;
    if (policy::parse_ip(host.name)) {
      site.hosts.push_back({host.name, host.port.value_or(0), rank});
      return true;
    }
    if (host.lookup != RoutedHost::Lookup::mx)
      return add_name(destination, host, rank, site);
    auto answer = context_.dns("mx", host.name);
    if (!answer || answer->answer == policy::Answer::defer) {
      lookup_deferred_ = true;
      return true;
    }
    if (answer->records.empty()) return add_name(destination, host, rank, site);
    for (const auto& fields : answer->records) {
      if (fields.size() < 2) continue;
      RoutedHost one = host;
      one.name = fields[1];
      auto preference = base::to_number(fields[0]).value_or(0);
      if (!add_name(destination, one, rank + static_cast<unsigned>(preference), site))
        return false;
    }
    return true;
  }

  bool add_name(Destination& destination, const RoutedHost& host, unsigned rank,
                Site& site) {
    auto addresses = context_.addresses_of(host.name);
    if (!addresses) {
      lookup_deferred_ = true;
      return true;
    }
    if (!addresses->empty()) {
      site.hosts.push_back({base::lower(host.name), host.port.value_or(0), rank});
      return true;
    }
    return destination.routed.by_mx || host_not_found(destination, host.name);
  }

  const policy::Driver* router_of(const Destination& destination) const {
    const auto& routers = policy_.routers;
    auto found =
        std::ranges::find(routers, destination.routed.router, &policy::Driver::name);
    return found == routers.end() ? nullptr : &*found;
  }

  // What the router's host_find_failed says of a host that does not exist.
  bool host_not_found(Destination& destination, const std::string& host) {
    const policy::Driver* router = router_of(destination);
    std::string_view what =
        router ? policy::trimmed(router->options.text("host_find_failed", "freeze"))
               : "freeze";
    if (what == "ignore") return true;
    std::string why = "lookup of host " + policy::quote(host) + " failed in " +
                      destination.routed.router + " router";
    if (what == "fail" || what == "decline" || what == "pass") {
      fail(destination, std::move(why));
    } else {
      destination.routed.freeze = what == "freeze";
      defer(destination, std::move(why));
    }
    return false;
  }

  void without_hosts(Destination& destination) {
    auto domain = policy::take_apart(destination.unique).domain;
    if (lookup_deferred_)
      return defer(destination, "host lookup did not complete for " + domain,
                   kDnsDeferred);
    if (destination.routed.by_mx)
      return fail(destination, "all relevant MX records point to non-existent hosts");
    defer(destination, "none of the hosts was found");
  }

  static void number_ranks(std::vector<SiteHost>& hosts) {
    std::ranges::stable_sort(hosts, {}, &SiteHost::rank);
    unsigned rank = 0, last = hosts.front().rank;
    for (SiteHost& host : hosts) {
      if (host.rank != last) ++rank;
      last = std::exchange(host.rank, rank);
    }
    // Within a rank any order is right: one order is one site.
    std::ranges::sort(hosts, [](const SiteHost& a, const SiteHost& b) {
      return std::tie(a.rank, a.name, a.port) < std::tie(b.rank, b.name, b.port);
    });
    std::vector<SiteHost> once;
    for (SiteHost& host : hosts) {
      bool before = std::ranges::any_of(once, [&](const SiteHost& one) {
        return one.name == host.name && one.port == host.port;
      });
      if (!before) once.push_back(std::move(host));
    }
    hosts = std::move(once);
  }

  const policy::Policy& policy_;
  const RetryBook& retries_;
  Sites& sites_;
  const spoolfmt::Queued& queued_;
  RoutingContext& context_;
  std::unordered_set<std::string_view> done_;
  Waiting waiting_;
  bool lookup_deferred_ = false;
  Plan plan_;
};

}  // namespace

RetrySubject local_subject(const Destination& destination,
                           const policy::Driver& transport) {
  std::string_view address = destination.unique;
  if (transport.options.boolean("retry_use_local_part", true))
    return local_subject(destination.key, address);
  return local_subject(policy::take_apart(address).domain, address);
}

std::vector<SiteIndex> Plan::sites() const {
  std::vector<SiteIndex> sites;
  auto add = [&sites](SiteIndex site) {
    if (std::ranges::find(sites, site) == sites.end()) sites.push_back(site);
  };
  for (const Destination& destination : destinations)
    if (destination.kind == Kind::send)
      add(destination.site);
    else if (destination.kind == Kind::fail || destination.kind == Kind::defer ||
             destination.kind == Kind::discard)
      add(kDesk);
  bool all_done = std::ranges::all_of(
      destinations, [](const Destination& one) { return one.kind == Kind::done; });
  if (all_done) add(kDesk);
  return sites;
}

std::set<std::string> Plan::foreign() const {
  std::set<std::string> reasons;
  for (const Destination& destination : destinations)
    if (destination.kind == Kind::foreign) reasons.insert(destination.routed.message);
  return reasons;
}

Plan RoutePhase::plan(const spoolfmt::Queued& queued, const std::string& input) {
  RoutingContext context(policy_, queued, input, clock_.now(), files_, names_);
  return Planner(policy_, retries_, sites_, queued, context).plan();
}

Plan RoutePhase::give_up(const spoolfmt::Queued& queued) {
  RoutingContext context(policy_, queued, {}, clock_.now(), files_, names_);
  return Planner(policy_, retries_, sites_, queued, context).give_up();
}

}  // namespace qrunner
