// SPDX-License-Identifier: Apache-2.0
#include "policy/digests.h"

#include <gtest/gtest.h>

TEST(Digests, HmacIsRfc2104) {
  EXPECT_EQ(policy::hmac_item("md5", "key", "text"),
            "d0ca6177c61c975fd2f8c07d8c6528c6");
  EXPECT_EQ(policy::hmac_item("sha1", "key", "text"),
            "369e2959eb49450338b212748f77d8ded74847bb");
  EXPECT_EQ(policy::hmac_item("md5", "", ""), "74e6f7298a9c2d168935f58c001bad88");
  EXPECT_EQ(policy::hmac_item("md5",
                              "0123456789012345678901234567890123456789"
                              "012345678901234567890123456789",
                              "t"),
            "3773b90a52ecfd7cd9436edf0127bfdf");
  for (std::string_view kind : {"md4", "sha256", "MD5", ""})
    EXPECT_FALSE(policy::hmac_item(kind, "a", "b")) << kind;
}

TEST(Digests, MatchHashedPasswords) {
  struct Row {
    std::string_view hash;
    int matches;  // for "secret"; -1: an error
  };
  for (auto [hash, matches] : {
           Row{"{md5}5ebe2294ecd0e0f08eab7690d2a6ee69", 1},
           Row{"{MD5}5EBE2294ECD0E0F08EAB7690D2A6EE69", 1},
           Row{"{md5}Xr4ilOzQ4PCOq3aQ0qbuaQ==", 1},
           Row{"{sha1}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4", 1},
           Row{"{sha1}5en6G6MezRroT3XKqkdPOmY/BfQ=", 1},
           Row{"{md5}5ebe2294ecd0e0f08eab7690d2a6ee6", 0},
           Row{"{md5}xx", 0},
           Row{"{md5}", 0},
           Row{"abNANd1rDfiNc", 1},
           Row{"{crypt}abNANd1rDfiNc", 1},
           Row{"{crypt}ab0000000000", 0},
           Row{"{CRYPT}a", 0},
           Row{"", 0},
           Row{"a", 0},
           Row{"ab", 0},
           Row{"*", 0},
           Row{"*0", 0},
           Row{"!!", 0},
           Row{"$1$x$", 0},
           Row{"{sha256}xx", -1},
           Row{"{foo", -1},
           Row{"{}x", -1},
       }) {
    auto result = policy::matches_hash("secret", hash);
    EXPECT_EQ(result ? int{*result} : -1, matches) << hash;
  }
  EXPECT_EQ(policy::matches_hash("", ""), false);
}
