// SPDX-License-Identifier: Apache-2.0
#include "policy/digests.h"

#include <crypt.h>

#include <memory>

#include "base/crypto.h"
#include "base/text.h"
#include "policy/source.h"
#include "policy/text_codes.h"

namespace policy {
namespace {

base::Result<bool> matches_digest(base::DigestKind kind, std::string_view plain,
                                  std::string_view expected) {
  std::string bytes = TRY(base::digest(kind, plain));
  if (expected.size() == 2 * bytes.size())
    return base::same_bytes(to_hex(bytes), base::lower(expected));
  return base::same_bytes(to_base64(bytes), expected);
}

bool matches_crypt(std::string_view plain, std::string_view hash) {
  if (hash.size() < 2 || plain.contains('\0') || hash.contains('\0')) return false;
  auto work = std::make_unique<crypt_data>();
  const char* made =
      crypt_r(std::string(plain).c_str(), std::string(hash).c_str(), work.get());
  return made != nullptr && made[0] != '*' && base::same_bytes(made, hash);
}

}  // namespace

base::Result<std::string> hmac_item(std::string_view kind, std::string_view key,
                                    std::string_view text) {
  if (kind != "md5" && kind != "sha1")
    return base::fail(base::Code::syntax,
                      "hmac: " + quote(kind) + " is neither md5 nor sha1");
  return to_hex(TRY(base::hmac(
      kind == "md5" ? base::DigestKind::md5 : base::DigestKind::sha1, key, text)));
}

base::Result<bool> matches_hash(std::string_view plain, std::string_view hash) {
  if (!hash.starts_with('{')) return matches_crypt(plain, hash);
  std::size_t end = hash.find('}');
  std::string_view scheme = hash.substr(1, end == hash.npos ? end : end - 1);
  std::string_view rest = end == hash.npos ? "" : hash.substr(end + 1);
  if (base::equal_nocase(scheme, "md5"))
    return matches_digest(base::DigestKind::md5, plain, rest);
  if (base::equal_nocase(scheme, "sha1"))
    return matches_digest(base::DigestKind::sha1, plain, rest);
  if (base::equal_nocase(scheme, "crypt")) return matches_crypt(plain, rest);
  return base::fail(base::Code::syntax, "crypteq: " + quote(scheme) +
                                            " is no scheme: use md5, sha1 or crypt");
}

}  // namespace policy
