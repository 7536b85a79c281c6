// SPDX-License-Identifier: Apache-2.0
#include "policy/lookup.h"

namespace policy {

base::Result<LookupSpec> parse_lookup_type(std::string_view) {
  return LookupSpec();
}

Outcome<std::optional<LookupAnswer>> look_up(const LookupSpec&, std::string_view,
                                             std::string_view, Evaluation&) {
  return cannot("not yet");
}

bool remote(const LookupSpec&) {
  return false;
}

void check_lookup_file(const LookupSpec&, std::string_view, Origin, Parsing&) {}

struct LookupFiles::State {};
LookupFiles::LookupFiles() : state_(std::make_unique<State>()) {}
LookupFiles::~LookupFiles() = default;

}  // namespace policy
