// SPDX-License-Identifier: Apache-2.0
#include "policy/mime_words.h"

#include <gtest/gtest.h>

#include <string>

TEST(MimeWords, AreDecoded) {
  struct Row {
    std::string_view text, decoded;
  };
  for (auto [text, decoded] : {
           Row{"plain", "plain"},
           Row{"abc =?utf-8?q?=C3=A9?= def", "abc \xc3\xa9 def"},
           Row{"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"},
           Row{"x=?utf-8?Q?a?=y", "xay"},
           Row{"=?utf-8?Q?a?=\n =?utf-8?Q?b?=", "ab"},
           Row{"=?utf-8?Q?a?= x =?utf-8?Q?b?=", "a x b"},
           Row{"=?utf-8?Q?a_b=20?=", "a b "},
           Row{"=?utf-8?B?w6k=?=", "\xc3\xa9"},
           Row{"=?iso-8859-1?B?6Q==?=", "\xc3\xa9"},
           Row{"=?iso-8859-1?Q?=E9?= =?utf-8?Q?b?=",
               "\xc3\xa9"
               "b"},
           Row{"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "\xc3\xa9"},
           Row{"=?utf-8*en?Q?a=C3=A9?=", "a\xc3\xa9"},
           Row{"=?utf-8?q?=e2=82=ac?=", "\xe2\x82\xac"},
           Row{"=?utf-8?Q?"
               "?=",
               ""},
           Row{"=?utf-8?Q?a?b?=", "a?b"},
           Row{"=?utf-8?Q?=00x?=y", "?xy"},
           Row{"=?utf-8?Q?=E9b?=",
               "\xe9"
               "b"},
           Row{"\xe9", "\xe9"},
           // Malformed, so text.
           Row{"=?utf-8?Q?a b?=", "=?utf-8?Q?a b?="},
           Row{"=?utf-8?X?ab?=", "=?utf-8?X?ab?="},
           Row{"=?utf-8?B?w6k?=", "=?utf-8?B?w6k?="},
           Row{"=?utf-8?B?!!?=", "=?utf-8?B?!!?="},
           Row{"=?utf-8?Q?a=4?=", "=?utf-8?Q?a=4?="},
           Row{"=?utf-8?Q?a=zz?=", "=?utf-8?Q?a=zz?="},
           Row{"=?utf-8?Q?a", "=?utf-8?Q?a"},
           Row{"=?", "=?"},
           Row{"=??"
               "?=",
               "=??"
               "?="},
           // In a charset that is none, so text; its neighbour is not.
           Row{"=?nosuch?Q?a=E9b?=", "=?nosuch?Q?a=E9b?="},
           Row{"=??Q?a?=", "=??Q?a?="},
           Row{"=?a//TRANSLIT?Q?b?=", "=?a//TRANSLIT?Q?b?="},
           Row{"=?utf-8?Q?a?= =?nosuch?Q?b?= =?utf-8?Q?c?=", "a =?nosuch?Q?b?= c"},
       })
    EXPECT_EQ(policy::decode_mime_words(text, "UTF-8"), decoded) << text;
  // No charset: bytes.
  EXPECT_EQ(policy::decode_mime_words("=?iso-8859-1?Q?=E9?=", ""), "\xe9");
}

TEST(MimeWords, AreNoLongerThanTheRfcSays) {
  std::string word = "=?us-ascii?Q?" + std::string(60, 'a') + "?=";
  ASSERT_EQ(word.size(), 75U);
  EXPECT_EQ(policy::decode_mime_words(word, "UTF-8"), std::string(60, 'a'));
  std::string longer = "=?us-ascii?Q?" + std::string(61, 'a') + "?=";
  EXPECT_EQ(policy::decode_mime_words(longer, "UTF-8"), longer);
  EXPECT_EQ(policy::decode_mime_words(longer, "UTF-8", true), std::string(61, 'a'));
}

TEST(MimeWords, AreMadeWhereTheyAreNeeded) {
  struct Row {
    std::string_view text, encoded;
  };
  for (auto [text, encoded] : {
           Row{"", ""},
           Row{"a b", "a b"},
           Row{"a'b&c#d$e", "a'b&c#d$e"},
           Row{"caf\xc3\xa9", "=?UTF-8?Q?caf=C3=A9?="},
           Row{"a.b", "=?UTF-8?Q?a=2Eb?="},
           Row{"a\tb", "=?UTF-8?Q?a=09b?="},
           Row{"a=?b", "=?UTF-8?Q?a=3D=3Fb?="},
           Row{"\xc3\xa9 a  b", "=?UTF-8?Q?=C3=A9_a__b?="},
           Row{"\xc3\xa9"
               "azAZ09!*+-/_=~",
               "=?UTF-8?Q?=C3=A9azAZ09!*+-/=5F=3D~?="},
       })
    EXPECT_EQ(policy::encode_mime_words(text, "UTF-8"), encoded);
}

TEST(MimeWords, AreCutBetweenCharactersAndComeBack) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += i % 3 == 0 ? "\xe2\x82\xac" : " x";
  std::string encoded = policy::encode_mime_words(text, "UTF-8");
  for (std::size_t at = 0; at < encoded.size();) {
    std::size_t end = std::min(encoded.find(' ', at), encoded.size());
    EXPECT_LE(end - at, 75U);
    EXPECT_EQ(
        policy::decode_mime_words(encoded.substr(at, end - at), "UTF-8").find('?'),
        std::string::npos);
    at = end + 1;
  }
  EXPECT_EQ(policy::decode_mime_words(encoded, "UTF-8"), text);
}
