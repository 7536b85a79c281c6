// SPDX-License-Identifier: Apache-2.0
#include "policy/digests.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "policy/source.h"
#include "policy/text_codes.h"

namespace policy {
namespace {

constexpr std::array kNames = {"MD5",      "SHA1",     "SHA2-256",
                               "SHA2-384", "SHA2-512", "SHA3-224",
                               "SHA3-256", "SHA3-384", "SHA3-512"};

// Looked up once: OpenSSL 3 takes longer to find a digest than to compute one.  They
// stay to the end of the program.
const EVP_MD* find_digest(DigestKind kind) {
  static const auto digests = [] {
    std::array<const EVP_MD*, kNames.size()> found{};
    for (std::size_t i = 0; i < kNames.size(); ++i)
      found[i] = EVP_MD_fetch(nullptr, kNames[i], nullptr);
    return found;
  }();
  return digests[static_cast<std::size_t>(kind)];
}

std::unexpected<base::Error> refused(DigestKind kind) {
  return base::fail(base::Code::permanent,
                    std::string("this system's OpenSSL refuses ") +
                        kNames[static_cast<std::size_t>(kind)]);
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

base::Result<bool> matches_digest(DigestKind kind, std::string_view plain,
                                  std::string_view expected) {
  std::string bytes = TRY(digest(kind, plain));
  if (expected.size() == 2 * bytes.size())
    return same_bytes(to_hex(bytes), base::lower(expected));
  return same_bytes(to_base64(bytes), expected);
}

bool matches_crypt(std::string_view plain, std::string_view hash) {
  if (hash.size() < 2 || plain.contains('\0') || hash.contains('\0')) return false;
  auto work = std::make_unique<crypt_data>();
  const char* made =
      crypt_r(std::string(plain).c_str(), std::string(hash).c_str(), work.get());
  return made != nullptr && made[0] != '*' && same_bytes(made, hash);
}

}  // namespace

base::Result<std::string> digest(DigestKind kind, std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const EVP_MD* md = find_digest(kind);
  if (md == nullptr ||
      EVP_Digest(text.data(), text.size(), bytes, &size, md, nullptr) != 1)
    return refused(kind);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

base::Result<std::string> hmac(DigestKind kind, std::string_view key,
                               std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const EVP_MD* md = find_digest(kind);
  if (md == nullptr ||
      HMAC(md, key.empty() ? "" : key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes,
           &size) == nullptr)
    return refused(kind);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

base::Result<std::string> hmac_item(std::string_view kind, std::string_view key,
                                    std::string_view text) {
  if (kind != "md5" && kind != "sha1")
    return base::fail(base::Code::syntax,
                      "hmac: " + quote(kind) + " is neither md5 nor sha1");
  return to_hex(
      TRY(hmac(kind == "md5" ? DigestKind::md5 : DigestKind::sha1, key, text)));
}

base::Result<bool> matches_hash(std::string_view plain, std::string_view hash) {
  if (!hash.starts_with('{')) return matches_crypt(plain, hash);
  std::size_t end = hash.find('}');
  std::string_view scheme = hash.substr(1, end == hash.npos ? end : end - 1);
  std::string_view rest = end == hash.npos ? "" : hash.substr(end + 1);
  if (base::equal_nocase(scheme, "md5"))
    return matches_digest(DigestKind::md5, plain, rest);
  if (base::equal_nocase(scheme, "sha1"))
    return matches_digest(DigestKind::sha1, plain, rest);
  if (base::equal_nocase(scheme, "crypt")) return matches_crypt(plain, rest);
  return base::fail(base::Code::syntax, "crypteq: " + quote(scheme) +
                                            " is no scheme: use md5, sha1 or crypt");
}

}  // namespace policy
