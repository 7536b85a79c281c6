// SPDX-License-Identifier: Apache-2.0
//
// ${lookup dnsdb{...}}: records of the DNS as text (spec/policy.md 8.4; Exim manual,
// "dnsdb lookups").
//
//   query = [">" RS ["," FS | ";"] blanks] {modifier ","} [type "="] name {":" name}
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/evaluation.h"
#include "policy/outcome.h"

namespace policy {

struct DnsdbQuery {
  char record_separator = '\n';
  std::optional<std::string> field_separator;  // ";" makes it empty
  enum class OnDefer { lax, strict, never } on_defer = OnDefer::lax;
  bool only_authenticated = false;  // dnssec_strict
  std::string type = "txt";
  std::vector<std::string> names;
};

// Code::syntax says what is wrong.
base::Result<DnsdbQuery> parse_dnsdb(std::string_view text);

// Nothing: there are no such records.
Outcome<std::optional<std::string>> ask_dnsdb(const DnsdbQuery& query,
                                              Evaluation& evaluation);

}  // namespace policy
