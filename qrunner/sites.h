// SPDX-License-Identifier: Apache-2.0
//
// Sites: what may share a connection, whatever the domains are called
// (spec/queue-run.md 13.3).
//
// A site is a transport, what its options came to, and a list of hosts in ranks.
// Domains with the same MX hosts are one site.  What differs only by message is checked
// when the message is about to be sent.  Two more kinds need no connection: the desk,
// for whom nothing is to be sent (undeliverable, put off, finished by a crash), and
// transports that write to this machine's disk.
//
// Mail that a host would not have goes to the next: to the same site without that host.
#pragma once

#include <cstdint>
#include <deque>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hints/site_hint.h"
#include "net/endpoint.h"
#include "policy/policy.h"
#include "qrunner/smtp_settings.h"

namespace qrunner {

using SiteIndex = std::uint32_t;

// Every run has it: work without a connection.
inline constexpr SiteIndex kDesk = 0;

struct SiteHost {
  std::string name;        // of the DNS, or a numeric address
  std::uint16_t port = 0;  // 0: the transport's
  unsigned rank = 0;       // from 0; hosts of one rank are tried in any order

  bool operator==(const SiteHost&) const = default;
};

struct Site {
  enum class Kind : std::uint8_t { desk, smtp, local } kind = Kind::desk;
  std::string name;                           // as people call it
  const policy::Driver* transport = nullptr;  // of the policy; null: the desk
  std::vector<SiteHost> hosts;                // in the order of their ranks
  std::vector<net::Endpoint>
      passed;  // that would not have a message: the next is tried
  bool by_mx = false;
  SmtpSettings smtp;
};

// The sites of a run, each once.  From any thread.
class Sites {
 public:
  Sites();

  // The index of the site, which is added if it is new.
  SiteIndex index(const Site& site);
  // Stays where it is as long as this lives.
  const Site& at(SiteIndex index) const;
  std::size_t size() const;

 private:
  mutable std::shared_mutex mutex_;
  std::deque<Site> sites_;
  std::unordered_map<std::string, SiteIndex> known_;
};

// Where mail goes that `host` would not have.
Site without(const Site& site, const net::Endpoint& host);

// The same site in another run.
hints::SiteHash site_hash(const Site& site);

// The longest tail that all hosts' names share, from a dot on: "l.google.com"; the
// only name, or the first if they share none.
std::string display_name(const std::vector<SiteHost>& hosts);

}  // namespace qrunner
