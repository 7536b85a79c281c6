// SPDX-License-Identifier: Apache-2.0
#include "receiver/mail_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts(std::string_view message, std::size_t limit = 1000) {
  std::vector<std::string> all;
  receiver::read_mail_text(message, limit,
                           [&](std::string_view text) { all.emplace_back(text); });
  return all;
}

TEST(MailText, IsSubjectAndBody) {
  EXPECT_THAT(texts("From: a\nSubject: =?iso-8859-1?Q?caf=E9?=\n now\n\nbody\n"),
              ElementsAre("caf\xc3\xa9\n now", "body\n"));
  EXPECT_THAT(texts("\nbody"), ElementsAre("body"));
  EXPECT_THAT(texts("no headers at all"), ElementsAre(""));
}

TEST(MailText, IsDecoded) {
  const std::pair<const char*, const char*> rows[] = {
      {"Content-Transfer-Encoding: base64\n\naGVsbG8g\nd29ybGQ=\n", "hello world"},
      {"Content-Transfer-Encoding: BASE64\n\naGk\n", "hi"},
      {"Content-Transfer-Encoding: quoted-printable\n\na=\nb=C3=a4=\r\nc=zz\n",
       "ab\xc3\xa4"
       "c=zz\n"},
      {"Content-Type: text/plain; charset=\"iso-8859-1\"\n\n\xe4", "\xc3\xa4"},
      {"Content-Type: text/plain;\n\tformat=flowed;\n charset=koi8-r\n"
       "Content-Transfer-Encoding: base64\n\n0NLJ\n",
       "\xd0\xbf\xd1\x80\xd0\xb8"},
      {"Content-Type: text/plain; charset=nonesuch\n\nas it is", "as it is"},
      {"Content-Type: text/html\n\n<p>v<b></b>ia<!-- x -->gra<br>b&#97;d&#x61;&nbsp;x",
       " viagra bada x"},
      {"Content-Type: text/html\n\na & b &#0; &#9999999999; <unfinished",
       "a & b &#0; &#9999999999; "},
  };
  for (const auto& [message, text] : rows)
    EXPECT_THAT(texts(message), ElementsAre(text)) << message;
}

TEST(MailText, IsOfAllTextParts) {
  std::string message =
      "Subject: s\nContent-Type: multipart/mixed; boundary=\"x y\"\n\npreamble\n"
      "--x y\nContent-Type: text/plain\n\none\n"
      "--x y\nContent-Type: multipart/alternative; boundary=in\n\n"
      "--in\n\ntwo\n--in\nContent-Type: image/png\n\nnot this\n--in--\n"
      "--x y\nContent-Type: message/rfc822\n\nSubject: t\n\nthree\n"
      "--x y--\nepilogue\n";
  EXPECT_THAT(texts(message), ElementsAre("s", "one\n", "two\n", "t", "three\n"));
}

TEST(MailText, IsBounded) {
  EXPECT_THAT(texts("Subject: 0123456789\n\n0123456789", 5),
              ElementsAre("01234", "01234"));
  std::string deep;
  for (int i = 0; i < 100; ++i)
    deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) +
            "\n\n--b" + std::to_string(i) + "\n";
  EXPECT_THAT(texts(deep), IsEmpty());
  std::string many = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 10'000; ++i) many += "--b\n\nx\n";
  EXPECT_LT(texts(many).size(), 300U);
  EXPECT_THAT(texts("Content-Type: multipart/mixed\n\nx"), ElementsAre("x"));
}

}  // namespace
