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

// What a rule or a failed try is about, in the words of rules.
struct RetryError {
  enum class Kind : std::uint8_t {
    any,  // "*"
    auth_failed,
    data,
    lookup,
    lost_connection,
    mail,
    quota,
    rcpt,
    refused,
    timeout,
    tls_required,
  };
  Kind kind = Kind::any;
  std::string code;               // of data, mail and rcpt: "4xx", "45x", "452"
  std::string route;              // "MX", "A"; "" does not matter
  bool connect = false;           // timeout_connect
  std::chrono::seconds unread{};  // quota_TIME: the mailbox has been so long
};
// Nothing: there is no such word.
std::optional<RetryError> parse_retry_error(std::string_view word);
// As a rule has it: "quota_1w".
std::string format_retry_error(const RetryError& error);
// Does what happened fall under what a rule says?
bool covers(const RetryError& rule, const RetryError& happened);

struct RetryRule {
  std::string pattern_text;  // as written: what `bobbin policy retry` shows
  ListPtr pattern;           // a single item of an address list
  RetryError error;
  ListPtr senders;                         // null: any
  std::vector<RetryParameter> parameters;  // none: no retry
  Origin origin;
};
// "*.net.test  quota_1w  F,1d,2h; ", as Exim's -brt shows it.
std::string format_retry_rule(const RetryRule& rule);

void parse_retry_section(std::span<const SourceText> lines,
                         std::vector<RetryRule>& rules, Parsing& parsing);

struct RetryQuestion {
  std::string_view address;                // "user@domain", or a domain alone
  std::string_view host;                   // of errors of a host: asked first; else ""
  RetryError error;                        // any: only rules for all errors apply
  std::optional<std::string_view> sender;  // unknown: rules with senders do not apply
};
// The first rule that applies; null if none does.
const RetryRule* find_retry_rule(const Policy& policy, const RetryQuestion& question,
                                 Context& context);

}  // namespace policy
