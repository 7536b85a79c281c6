// SPDX-License-Identifier: Apache-2.0
#include "qrunner/due_hosts.h"

#include <utility>

namespace qrunner {

Standing standing_at(const Candidate& host, const Site& site, const Seeker& message,
                     const RetryBook& retries) {
  auto item = host_item(site, host.name, host.endpoint.address, host.endpoint.port);
  bool delay = site.transport->options.boolean("delay_after_cutoff", true);
  Standing own =
      retries.standing(host_subject(item, message.address), message.waiting, delay);
  // A message that nobody tried yet has no record anywhere.
  if (!may_try(own) || message.waiting.first_time) return own;
  Standing there =
      retries.standing(message_subject(item, message.id.text(), message.address),
                       message.waiting, delay);
  return may_try(there) ? own : there;
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
