// SPDX-License-Identifier: Apache-2.0
//
// Message digests and keyed digests, from OpenSSL (spec/policy.md sections 5 to 7).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

enum class DigestKind {
  md5,
  sha1,
  sha2_256,
  sha2_384,
  sha2_512,
  sha3_224,
  sha3_256,
  sha3_384,
  sha3_512,
};

// The digest's bytes.  Code::permanent if the system's OpenSSL refuses this kind.
base::Result<std::string> digest(DigestKind kind, std::string_view text);
base::Result<std::string> hmac(DigestKind kind, std::string_view key,
                               std::string_view text);

// ${hmac{md5}{key}{text}}: lower-case hex; Code::syntax unless md5 or sha1.
base::Result<std::string> hmac_item(std::string_view kind, std::string_view key,
                                    std::string_view text);

// crypteq{plain}{hash}: "{md5}" and "{sha1}" with hex or base64, "{crypt}" or nothing
// for crypt(3).  Compares in constant time.  Code::syntax for any other scheme.
base::Result<bool> matches_hash(std::string_view plain, std::string_view hash);

}  // namespace policy
