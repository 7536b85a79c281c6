// SPDX-License-Identifier: Apache-2.0
#include "policy/retry.h"

namespace policy {

void parse_retry_section(std::span<const SourceText>, std::vector<RetryRule>&,
                         Parsing&) {}

const RetryRule* find_retry_rule(const Policy&, const RetryQuestion&, Context&) {
  return nullptr;
}

}  // namespace policy
