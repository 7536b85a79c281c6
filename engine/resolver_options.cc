// SPDX-License-Identifier: Apache-2.0
#include "engine/resolver_options.h"

#include <algorithm>

#include "policy/plain_list.h"

namespace engine {

net::Resolver::Options resolver_options(const policy::Options& main) {
  using std::chrono::seconds;
  net::Resolver::Options options;
  options.forwarders = policy::split_list(main.text("dns_servers")).elements;
  for (const std::string& file :
       policy::split_list(main.text("dns_trust_anchors")).elements)
    options.trust_anchors.emplace_back(file);
  options.validate = main.integer("dns_dnssec_ok", -1) != 0;
  seconds wait = main.time("dns_retrans", seconds(0));
  std::int64_t again = main.integer("dns_retry", 0);
  if (wait <= seconds(0)) wait = seconds(5);
  if (again <= 0) again = 1;
  // Longer than this no SMTP client waits for a reply anyway.
  options.deadline =
      std::min(wait * (1 + std::min<std::int64_t>(again, 60)), seconds(300));
  return options;
}

}  // namespace engine
