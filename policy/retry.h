// SPDX-License-Identifier: Apache-2.0
//
// Retry rules: how long, how often and for which error an address is tried again
// (spec/policy.md 15.1; Exim manual, "Retry configuration").
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/list.h"
#include "policy/parsing.h"
#include "policy/source.h"

namespace policy {

struct Policy;

struct RetryParameter {
  char kind = 'F';  // F: fixed, G: growing, H: growing, at random
  std::chrono::seconds cutoff{}, interval{};
  double factor = 1;
};

struct RetryRule {
  std::string pattern_text;  // as written: what `bobbin policy retry` shows
  ListPtr pattern;           // a single item of an address list
  std::string error;         // "*", "timeout_connect_MX", "quota_7d", in canonical form
  std::chrono::seconds quota_age{};        // of quota_TIME; zero: none
  ListPtr senders;                         // null: any
  std::vector<RetryParameter> parameters;  // none: no retry
  Origin origin;
};

void parse_retry_section(std::span<const SourceText> lines,
                         std::vector<RetryRule>& rules, Parsing& parsing);

// What went wrong, in words of a rule: "timeout_connect", "rcpt_421", "refused_MX".
// The first rule for `address` ("user@domain", or a domain alone) or, for errors of a
// host, for `host`; null if none applies.
struct RetryQuestion {
  std::string_view address, host, error, sender;
  std::optional<std::chrono::seconds> mailbox_read_ago;  // for quota_TIME
};
const RetryRule* find_retry_rule(const Policy& policy, const RetryQuestion& question,
                                 Context& context);

}  // namespace policy
