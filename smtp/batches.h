// SPDX-License-Identifier: Apache-2.0
//
// Which recipients of a message share a transaction: RFC 5321 section 4.5.3.1.8 and
// RFC 9422 (LIMITS); Exim's max_rcpt and multi_domain.
#pragma once

#include <cstddef>
#include <vector>

#include "smtp/exchange.h"

namespace smtp {

struct BatchRules {
  std::size_t most_recipients = 100;  // of a transaction; 0: any number
  bool multi_domain = true;           // false: one domain a transaction
};

// Places in `recipients`, each in one batch, in their order as far as limits let them;
// the server's limits lower ours.
std::vector<std::vector<std::size_t>> batches(const std::vector<Recipient>& recipients,
                                              const BatchRules& rules,
                                              const Limits& server);

}  // namespace smtp
