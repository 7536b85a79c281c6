// SPDX-License-Identifier: Apache-2.0
#include "policy/srs.h"

#include <gtest/gtest.h>

namespace {

constexpr std::int64_t kDay = 20406;

}  // namespace

TEST(Srs, EncodesAsEximDoes) {
  struct Row {
    std::string_view secret, sender, to, result;
  };
  // 20406 is 950 modulo 1024: 29 and 22 in base 32, "5w".
  for (auto [secret, sender, to, result] : {
           Row{"secret", "user@sender.example", "example.net",
               "SRS0=0e48=5w=sender.example=user@example.net"},
           Row{"secret", "User@Sender.Example", "example.net",
               "SRS0=0e48=5w=Sender.Example=User@example.net"},
           Row{"", "user@sender.example", "example.net",
               "SRS0=f3f2=5w=sender.example=user@example.net"},
           Row{"secret", "", "example.net", ""},
           Row{"s", "\"a b\"@x.y", "d.e", "\"SRS0=005d=5w=x.y=a b\"@d.e"},
           Row{"s", "a.b=c@x.y", "d.e", "SRS0=4c48=5w=x.y=a.b=c@d.e"},
           Row{"s", "\"x@y\"@z", "d", "\"SRS0=9201=5w=z=x@y\"@d"},
       })
    EXPECT_EQ(policy::srs_encode(secret, sender, to, kDay).value_or("error"), result);
  for (std::string_view sender : {"user", "@x.y", "a@", "a@b@c", "\"x y"})
    EXPECT_FALSE(policy::srs_encode("s", sender, "d", kDay)) << sender;
}

TEST(Srs, KnowsItsOwn) {
  for (std::string_view sender : {"user@sender.example", "Joe.X@From.example",
                                  "a=b@x.example", "\"a b\"@x.example"}) {
    std::string made = policy::srs_encode("k", sender, "to.example", kDay).value();
    // The local part as the receiver knows it: without quotes.
    std::string local = made.substr(0, made.rfind('@'));
    std::erase(local, '"');
    for (int age : {0, 10}) {
      auto back = policy::inbound_srs(local, "k", kDay + age).value();
      EXPECT_TRUE(back.valid) << made << ' ' << age;
    }
    for (int age : {-1, 11})
      EXPECT_FALSE(policy::inbound_srs(local, "k", kDay + age)->valid) << age;
    EXPECT_FALSE(policy::inbound_srs(local, "other", kDay)->valid);
  }
  // Days come round: 1023 and 1024 are neighbours.
  std::string made = policy::srs_encode("k", "a@b", "c", 1023).value();
  EXPECT_TRUE(policy::inbound_srs(made.substr(0, made.find('@')), "k", 1024)->valid);
}

TEST(Srs, SetsTheRecipientAsSoonAsTheShapeFits) {
  struct Row {
    std::string_view local_part, recipient;  // none: the shape does not fit
  };
  for (auto [local_part, recipient] : {
           Row{"SRS0=abcd=AA=sender.example=user", "user@sender.example"},
           Row{"srs0=ABCD=aa=X.Example=U", "u@x.example"},
           Row{"SRS0=abcd=AA=sender.example=a=b", "a=b@sender.example"},
           Row{"SRS0=ABCD=aa=x.y=a b", "\"a b\"@x.y"},
           Row{"SRS0=ABCD=aa=x.y=U@z", "\"u@z\"@x.y"},
           Row{"SRS0=AB/+=aa=x=u", "u@x"},
           Row{"SRS0=ABCD=aa=x=", "@x"},
           Row{"SRS0=ABCD=aa==u", "u@"},
           Row{"user", ""},
           Row{"SRS1=x=y=z", ""},
           Row{"SRS0+ABCD=aa=x=u", ""},
           Row{"SRS0==aa=x=u", ""},
           Row{"SRS0=ABCD==x=u", ""},
           Row{"SRS0=ABCD=aaa=x=u", ""},
           Row{"SRS0=ABCD=a1=x=u", ""},
           Row{"SRS0=ABCD=aa=x", ""},
           Row{" SRS0=ABCD=aa=x=u", ""},
           Row{"\"SRS0=ABCD=aa=x.y=ab\"", ""},
           Row{"SRS0=ABCD=aa=X.Y=U\nb", ""},
       }) {
    auto open = policy::inbound_srs(local_part, "", kDay).value();
    EXPECT_EQ(open.recipient, recipient) << local_part;
    EXPECT_EQ(open.valid, !recipient.empty()) << local_part;
    auto checked = policy::inbound_srs(local_part, "secret", kDay).value();
    EXPECT_EQ(checked.recipient, recipient) << local_part;
    EXPECT_FALSE(checked.valid) << local_part;
  }
}
