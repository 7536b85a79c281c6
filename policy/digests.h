// SPDX-License-Identifier: Apache-2.0
//
// What the language does with digests: ${hmac} and crypteq (spec/policy.md sections 5
// and 7; Exim manual, "Expansion items" and "Expansion conditions").
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

// ${hmac{md5}{key}{text}}: lower-case hex; Code::syntax unless md5 or sha1.
base::Result<std::string> hmac_item(std::string_view kind, std::string_view key,
                                    std::string_view text);

// crypteq{plain}{hash}: "{md5}" and "{sha1}" with hex or base64, "{crypt}" or nothing
// for crypt(3).  Compares in constant time.  Code::syntax for any other scheme.
base::Result<bool> matches_hash(std::string_view plain, std::string_view hash);

}  // namespace policy
