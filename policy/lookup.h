// SPDX-License-Identifier: Apache-2.0
//
// Lookups: a key and a file, or a query (spec/policy.md chapter 8; Exim manual, "File
// and database lookups").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/evaluation.h"
#include "policy/lookup_files.h"
#include "policy/outcome.h"
#include "policy/parsing.h"

namespace policy {

enum class LookupType { lsearch, nwildlsearch, iplsearch, dsearch, lmdb, dnsdb, spf };

// One kind of lookup as it is written: "partial1(.)lsearch*@,ret=full".
struct LookupSpec {
  std::string type;  // "lsearch"
  LookupType kind = LookupType::lsearch;
  bool query = false;  // dnsdb: no key apart
  bool star = false, star_at = false;
  int partial = -1;  // components to keep; -1: not partial
  std::string affix = "*.";
  std::vector<std::string> options;  // "ret=full"

  // What the options say.
  enum class Give { data, whole, key } give = Give::data;
  enum class Filter { none, file, dir, subdir } filter = Filter::none;  // dsearch
};

// Code::syntax names the type, the reason or the replacement, and the nearest known.
base::Result<LookupSpec> parse_lookup_type(std::string_view text);

struct LookupAnswer {
  std::string data;
  // Partial and default lookups set $1 and $2 (8.3): wild part and fixed part.
  bool has_parts = false;
  std::string wild, fixed;
};

// Nothing: the key is not there.  `file_or_query` is a path for single-key types but
// spf, where it is the sender.
Outcome<std::optional<LookupAnswer>> look_up(const LookupSpec& spec,
                                             std::string_view file_or_query,
                                             std::string_view key,
                                             Evaluation& evaluation);

// Is what it answers a stranger's?  Yes for the DNS and spf, no for files.
bool remote(const LookupSpec& spec);

// Complains (warns) if a literal path is relative (error) or not there (warning).
void check_lookup_file(const LookupSpec& spec, std::string_view path, Origin origin,
                       Parsing& parsing);

}  // namespace policy
