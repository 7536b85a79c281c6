// SPDX-License-Identifier: Apache-2.0
#include "smtp/batches.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>

#include "base/text.h"

namespace smtp {

namespace {

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

std::size_t lower_of(std::size_t a, std::size_t b) {  // 0: any number
  return std::min(a == 0 ? kAny : a, b == 0 ? kAny : b);
}

std::string domain_of(const Recipient& recipient) {
  return base::lower(
      std::string_view(recipient.address).substr(recipient.address.rfind('@') + 1));
}

}  // namespace

// A domain is in one batch until that is full; only the newest batch takes new domains.
std::vector<std::vector<std::size_t>> batches(const std::vector<Recipient>& recipients,
                                              const BatchRules& rules,
                                              const Limits& server) {
  const std::size_t most = lower_of(rules.most_recipients, server.recipients);
  const std::size_t most_domains = lower_of(rules.multi_domain ? 0 : 1, server.domains);
  std::vector<std::vector<std::size_t>> all;
  std::map<std::string, std::size_t> batch_of;  // a domain's
  std::size_t domains = 0;                      // in the newest batch
  auto has_room = [&](std::size_t batch) { return all[batch].size() < most; };
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    std::string domain =
        most_domains == kAny ? std::string() : domain_of(recipients[i]);
    auto known = batch_of.find(domain);
    if (known != batch_of.end() && has_room(known->second)) {
      all[known->second].push_back(i);
      continue;
    }
    if (all.empty() || !has_room(all.size() - 1) || domains == most_domains) {
      all.emplace_back();
      domains = 0;
    }
    ++domains;
    batch_of[domain] = all.size() - 1;
    all.back().push_back(i);
  }
  return all;
}

}  // namespace smtp
