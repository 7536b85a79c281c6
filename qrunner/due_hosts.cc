// SPDX-License-Identifier: Apache-2.0
#include "qrunner/due_hosts.h"

#include <optional>
#include <utility>

namespace qrunner {

namespace {

// Nothing: what a record that all addresses of the host share says now, another of
// them brought about in this very attempt.
std::optional<hints::HostItem> item_of(const Candidate& host, const Site& site,
                                       const RetryBook& retries) {
  hints::HostItem item = host_item(site, host.name, host.endpoint, retries);
  if (host.again && item.address.empty()) return std::nullopt;
  return item;
}

bool delays(const Site& site) {
  return site.transport->options.boolean("delay_after_cutoff", true);
}

Standing standing_at(const Candidate& host, const Site& site, const Seeker& message,
                     const RetryBook& retries) {
  auto item = item_of(host, site, retries);
  if (!item) return Standing::due;
  Standing standing = retries.standing(host_subject(*item, message.address),
                                       message.waiting, delays(site));
  if (!may_try(standing)) return standing;
  Standing own = own_standing_at(host, site, message, retries);
  return may_try(own) ? standing : own;
}

}  // namespace

Standing own_standing_at(const Candidate& host, const Site& site, const Seeker& message,
                         const RetryBook& retries) {
  // A message that nobody tried yet has no record anywhere.
  if (message.waiting.first_time) return Standing::due;
  auto item = item_of(host, site, retries);
  if (!item) return Standing::due;
  auto subject = message_subject(*item, message.id.text(), message.address);
  return retries.standing(subject, message.waiting, delays(site));
}

DueHosts due_hosts(std::vector<Candidate> hosts, const Site& site,
                   const Seeker& message, const RetryBook& retries) {
  bool hopeless = !hosts.empty();
  DueHosts due;
  for (Candidate& host : hosts) {
    Standing standing = standing_at(host, site, message, retries);
    hopeless = hopeless && standing == Standing::wait_expired;
    if (may_try(standing)) due.hosts.push_back(std::move(host));
  }
  due.hopeless = hopeless;
  return due;
}

}  // namespace qrunner
