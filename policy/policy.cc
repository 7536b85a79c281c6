// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

namespace policy {

Loaded load_policy(const std::filesystem::path& name, std::string_view text,
                   Macros macros, const ReadFile& read, const Program&) {
  Loaded loaded;
  loaded.source = parse_lines(name, text, std::move(macros), read);
  return loaded;
}

}  // namespace policy
