// SPDX-License-Identifier: Apache-2.0
#include "qrunner/sites.h"

#include <algorithm>
#include <mutex>

#include "base/crypto.h"
#include "base/text.h"

namespace qrunner {

namespace {

std::string key_of(const Site& site) {
  std::string key = site.transport ? site.transport->name : "";
  auto add = [&key](std::string_view text) { (key += '\n') += text; };
  add(std::to_string(static_cast<int>(site.smtp.protocol)));
  add(std::to_string(site.smtp.port));
  add(site.smtp.helo);
  add(site.smtp.interface);
  add(site.smtp.sni);
  for (const SiteHost& host : site.hosts) {
    add(std::to_string(host.rank) + " " + std::to_string(host.port) + " ");
    key += base::lower(host.name);
  }
  for (const net::Endpoint& host : site.passed)
    add(host.address + " " + std::to_string(host.port));
  return key;
}

}  // namespace

Sites::Sites() {
  sites_.emplace_back();
  known_.emplace(key_of(sites_.front()), kDesk);
}

SiteIndex Sites::index(const Site& site) {
  std::string key = key_of(site);
  {
    std::shared_lock lock(mutex_);
    if (auto known = known_.find(key); known != known_.end()) return known->second;
  }
  std::unique_lock lock(mutex_);
  auto [known, fresh] =
      known_.emplace(std::move(key), static_cast<SiteIndex>(sites_.size()));
  if (fresh) sites_.push_back(site);
  return known->second;
}

const Site& Sites::at(SiteIndex index) const {
  std::shared_lock lock(mutex_);
  return sites_[index];
}

std::size_t Sites::size() const {
  std::shared_lock lock(mutex_);
  return sites_.size();
}

Site without(const Site& site, const net::Endpoint& host) {
  Site rest = site;
  auto at = std::ranges::lower_bound(rest.passed, host);
  if (at != rest.passed.end() && *at == host) return rest;
  rest.passed.insert(at, host);
  rest.name += " but " + host.address;
  return rest;
}

hints::SiteHash site_hash(const Site& site) {
  hints::SiteHash hash{};
  auto sum = base::digest(base::DigestKind::sha2_256, key_of(site));
  if (sum) std::copy_n(sum->begin(), std::min(sum->size(), hash.size()), hash.begin());
  return hash;
}

std::string display_name(const std::vector<SiteHost>& hosts) {
  if (hosts.empty()) return "";
  std::string_view common = hosts.front().name;
  for (const SiteHost& host : hosts) {
    auto [mine, theirs] = std::ranges::mismatch(common.rbegin(), common.rend(),
                                                host.name.rbegin(), host.name.rend());
    auto same = static_cast<std::size_t>(mine - common.rbegin());
    if (same == common.size()) continue;
    common = common.substr(common.size() - same);
    auto dot = common.find('.');
    common = dot == common.npos ? std::string_view() : common.substr(dot + 1);
  }
  // A top-level domain tells nothing.
  bool telling = common.find('.') != common.npos || hosts.size() == 1;
  return telling ? std::string(common) : hosts.front().name;
}

}  // namespace qrunner
