// SPDX-License-Identifier: Apache-2.0
#include "qrunner/site_memory.h"

#include <algorithm>

namespace qrunner {

SiteMemory::Known& SiteMemory::known(SiteIndex index) {
  if (known_.size() <= index) known_.resize(index + 1);
  Known& known = known_[index];
  if (!known.hosts.empty()) return known;
  const Site& site = sites_.at(index);
  auto any_order = [](std::size_t) { return std::size_t{0}; };
  known.hosts = candidates(site, names_, any_order);
  known.troubled = std::ranges::any_of(known.hosts, [&](const Candidate& host) {
    auto item = host_item(site, host.name, host.endpoint, retries_);
    return retries_.knows(host_subject(item, host.name).key);
  });
  return known;
}

bool SiteMemory::may_try(SiteIndex index, const spoolfmt::MessageId& id,
                         const Waiting& waiting) {
  const Known& site = known(index);
  // Whom nobody tried yet only the hosts' own troubles hold back.
  if (site.hosts.empty() || (waiting.first_time && !site.troubled)) return true;
  Seeker seeker{id, site.hosts.front().name, waiting};
  DueHosts due = due_hosts(site.hosts, sites_.at(index), seeker, retries_);
  return due.hopeless || !due.hosts.empty();
}

bool SiteMemory::is_hopeless(SiteIndex index) {
  const Site& site = sites_.at(index);
  if (site.kind != Site::Kind::smtp || known(index).hosts.empty()) return false;
  const std::vector<Candidate>& hosts = known(index).hosts;
  Seeker nobody{{}, hosts.front().name, {.received = clock_.now(), .sender = ""}};
  return due_hosts(hosts, site, nobody, retries_).hopeless;
}

std::optional<double> SiteMemory::window(SiteIndex site) const {
  auto hint = store_.site(site_hash(sites_.at(site)), clock_.now());
  if (!hint) return std::nullopt;
  return hint->window;
}

void SiteMemory::remember_window(SiteIndex site, double window) {
  store_.remember(site_hash(sites_.at(site)),
                  {.window = window, .updated = clock_.now()});
}

}  // namespace qrunner
