// SPDX-License-Identifier: Apache-2.0
#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace base {
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

std::unexpected<Error> refused(DigestKind kind) {
  return fail(Code::permanent, std::string("this system's OpenSSL refuses ") +
                                   kNames[static_cast<std::size_t>(kind)]);
}

}  // namespace

Result<std::string> digest(DigestKind kind, std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const EVP_MD* md = find_digest(kind);
  if (md == nullptr ||
      EVP_Digest(text.data(), text.size(), bytes, &size, md, nullptr) != 1)
    return refused(kind);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

Result<std::string> hmac(DigestKind kind, std::string_view key, std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const EVP_MD* md = find_digest(kind);
  // A null key would mean the one of the call before.
  if (md == nullptr ||
      HMAC(md, key.empty() ? "" : key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes,
           &size) == nullptr)
    return refused(kind);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // it writes an end, too
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  out.pop_back();
  return out;
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace base
