// SPDX-License-Identifier: Apache-2.0
#include "base/crypto.h"

#include <gtest/gtest.h>

#include <cstdio>

using base::DigestKind;

namespace {

std::string hex(const base::Result<std::string>& bytes) {
  std::string out;
  for (char c : bytes.value()) {
    char buffer[3];
    std::snprintf(buffer, sizeof buffer, "%02x", static_cast<unsigned char>(c));
    out += buffer;
  }
  return out;
}

}  // namespace

// The first bytes of what the standards give for "abc".
TEST(Crypto, DigestsAreThoseOfTheStandards) {
  struct Row {
    DigestKind kind;
    std::size_t size;
    std::string_view start;
  };
  for (auto [kind, size, start] : {
           Row{DigestKind::md5, 16, "900150983cd24fb0"},
           Row{DigestKind::sha1, 20, "a9993e364706816a"},
           Row{DigestKind::sha2_256, 32, "ba7816bf8f01cfea"},
           Row{DigestKind::sha2_384, 48, "cb00753f45a35e8b"},
           Row{DigestKind::sha2_512, 64, "ddaf35a193617aba"},
           Row{DigestKind::sha3_224, 28, "e642824c3f8cf24a"},
           Row{DigestKind::sha3_256, 32, "3a985da74fe225b2"},
           Row{DigestKind::sha3_384, 48, "ec01498288516fc9"},
           Row{DigestKind::sha3_512, 64, "b751850b1a57168a"},
       }) {
    std::string digest = hex(base::digest(kind, "abc"));
    EXPECT_EQ(digest.size(), 2 * size);
    EXPECT_TRUE(digest.starts_with(start)) << digest;
  }
}

TEST(Crypto, HmacIsRfc2104) {
  EXPECT_EQ(hex(base::hmac(DigestKind::md5, "Jefe", "what do ya want for nothing?")),
            "750c783e6ab0b503eaa86e310a5db738");
  EXPECT_EQ(hex(base::hmac(DigestKind::md5, "", "")),
            "74e6f7298a9c2d168935f58c001bad88");
  // RFC 2202, test case 6: a key longer than a block.
  EXPECT_EQ(hex(base::hmac(DigestKind::md5, std::string(80, '\xaa'),
                           "Test Using Larger Than Block-Size Key - Hash Key First")),
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
  EXPECT_EQ(hex(base::hmac(DigestKind::sha1, std::string(80, '\xaa'),
                           "Test Using Larger Than Block-Size Key - Hash Key First")),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

// RFC 4648 section 10.
TEST(Crypto, WritesBase64) {
  EXPECT_EQ(base::to_base64(""), "");
  EXPECT_EQ(base::to_base64("f"), "Zg==");
  EXPECT_EQ(base::to_base64("fo"), "Zm8=");
  EXPECT_EQ(base::to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base::to_base64(std::string_view("\0\xff", 2)), "AP8=");
}

TEST(Crypto, ComparesWholeTexts) {
  EXPECT_TRUE(base::same_bytes("", ""));
  EXPECT_TRUE(base::same_bytes("abc", "abc"));
  EXPECT_FALSE(base::same_bytes("abc", "abd"));
  EXPECT_FALSE(base::same_bytes("abc", "ab"));
}
