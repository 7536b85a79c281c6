// SPDX-License-Identifier: Apache-2.0
//
// Message digests, keyed digests (RFC 2104) and base64, from OpenSSL.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

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
Result<std::string> digest(DigestKind kind, std::string_view text);
Result<std::string> hmac(DigestKind kind, std::string_view key, std::string_view text);

// RFC 4648 section 4, in one line.
std::string to_base64(std::string_view bytes);

// Takes as long for texts that differ early as for those that differ late.
bool same_bytes(std::string_view a, std::string_view b);

}  // namespace base
