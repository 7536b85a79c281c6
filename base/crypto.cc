// SPDX-License-Identifier: Apache-2.0
#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include "base/handle.h"

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
  thread_local const Handle<EVP_MD_CTX, EVP_MD_CTX_free> work(EVP_MD_CTX_new());
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const EVP_MD* md = find_digest(kind);
  if (md == nullptr || !work || EVP_DigestInit_ex2(work.get(), md, nullptr) != 1 ||
      EVP_DigestUpdate(work.get(), text.data(), text.size()) != 1 ||
      EVP_DigestFinal_ex(work.get(), bytes, &size) != 1)
    return refused(kind);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

// Two digests (RFC 2104): OpenSSL's own way takes longer to look up what it needs.
Result<std::string> hmac(DigestKind kind, std::string_view key, std::string_view text) {
  const EVP_MD* md = find_digest(kind);
  if (md == nullptr) return refused(kind);
  const auto block = static_cast<std::size_t>(EVP_MD_get_block_size(md));
  std::string inner = key.size() > block ? TRY(digest(kind, key)) : std::string(key);
  inner.resize(block);
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  std::string outer = inner;
  for (char& c : outer) c = static_cast<char>(c ^ 0x36 ^ 0x5c);
  outer += TRY(digest(kind, inner.append(text)));
  return digest(kind, outer);
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
