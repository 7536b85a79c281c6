// SPDX-License-Identifier: Apache-2.0
#include "qrunner/route_phase.h"

#include <algorithm>

namespace qrunner {

namespace {
constexpr std::uint16_t kSmtpPort = 25;
}  // namespace

std::string_view domain_of(std::string_view address) {
  auto at = address.rfind('@');
  return at == address.npos ? std::string_view() : address.substr(at + 1);
}

std::vector<SiteIndex> legs(const std::vector<std::string_view>& addresses,
                            const SiteOf& site_of) {
  std::vector<SiteIndex> sites;
  for (std::string_view address : addresses) {
    SiteIndex site = site_of(domain_of(address));
    if (std::ranges::find(sites, site) == sites.end()) sites.push_back(site);
  }
  return sites;
}

base::Result<Site> smarthost_site(std::string_view host_and_port) {
  Site site;
  site.hosts = TRY(net::resolve(host_and_port, kSmtpPort));
  // The port is not shown, and the brackets of a literal neither: "[::1]:25" is "::1".
  std::string_view name = host_and_port;
  if (name.starts_with('['))
    name = name.substr(1, name.find(']') - 1);
  else if (std::ranges::count(name, ':') == 1)
    name = name.substr(0, name.find(':'));
  site.name = name;
  site.router = "smarthost";
  site.transport = "remote_smtp";
  return site;
}

}  // namespace qrunner
