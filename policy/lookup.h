// SPDX-License-Identifier: Apache-2.0
//
// Lookups: a key and a file, or a query (spec/policy.md chapter 8; Exim manual, "File
// and database lookups").
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/evaluation.h"
#include "policy/outcome.h"
#include "policy/parsing.h"

namespace policy {

// One kind of lookup as it is written: "partial1(.)lsearch*@,ret=full".
struct LookupSpec {
  std::string type;    // "lsearch"
  bool query = false;  // dnsdb: no key apart
  bool star = false, star_at = false;
  int partial = -1;  // components to keep; -1: not partial
  std::string affix = "*.";
  std::vector<std::string> options;  // "ret=full"
};

// Code::syntax names the type, the reason or the replacement, and the nearest known.
base::Result<LookupSpec> parse_lookup_type(std::string_view text);

struct LookupAnswer {
  std::string data;
  // Partial and default lookups set $1 and $2 (8.3): wild part and fixed part.
  bool has_parts = false;
  std::string wild, fixed;
};

// Nothing: the key is not there.  `file_or_query` is a path for single-key types.
Outcome<std::optional<LookupAnswer>> look_up(const LookupSpec& spec,
                                             std::string_view file_or_query,
                                             std::string_view key,
                                             Evaluation& evaluation);

// Is what it answers a stranger's?  Yes for the DNS and spf, no for files.
bool remote(const LookupSpec& spec);

// Complains (warns) if a literal path is relative (error) or not there (warning).
void check_lookup_file(const LookupSpec& spec, std::string_view path, Origin origin,
                       Parsing& parsing);

// The files and databases of a process, opened once and read again when they change.
// Safe from any thread.
class LookupFiles {
 public:
  LookupFiles();
  ~LookupFiles();
  LookupFiles(const LookupFiles&) = delete;
  LookupFiles& operator=(const LookupFiles&) = delete;

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace policy
