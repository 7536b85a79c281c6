// SPDX-License-Identifier: Apache-2.0
#include "net/rdata.h"

#include <gtest/gtest.h>

namespace net {
namespace {

using namespace std::string_literals;
using Fields = std::vector<std::string>;

TEST(Rdata, WritesFieldsAsZoneFilesDo) {
  const std::string soa_numbers = "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\xff\xff\xff\xff"s;
  struct Row {
    std::string type, bytes;
    Fields fields;
  } rows[] = {
      {"a", "\xc0\0\2\1"s, {"192.0.2.1"}},
      {"aaaa", "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"s, {"2001:db8::1"}},
      {"mx", "\0\x0a\2MX\7Example\3net\0"s, {"10", "mx.example.net"}},
      {"mx", "\0\0\0"s, {"0", ""}},  // RFC 7505: no mail
      {"txt", "\7v=spf1 \4-all"s, {"v=spf1 ", "-all"}},
      {"txt", "\0"s, {""}},
      {"spf", "\3x\0y"s, {"x\0y"s}},
      {"ptr", "\1a\7example\0"s, {"a.example"}},
      {"cname", "\1a\0"s, {"a"}},
      {"ns", "\2ns\0"s, {"ns"}},
      {"srv", "\0\1\0\2\2\x0b\1s\0"s, {"1", "2", "523", "s"}},
      {"tlsa", "\3\1\1\xc0\xff\xee"s, {"3", "1", "1", "c0ffee"}},
      {"soa",
       "\2ns\0\1h\0"s + soa_numbers,
       {"ns", "h", "1", "2", "3", "4", "4294967295"}},
      {"65280", "\xc0\xde"s, {"\\#", "2", "c0de"}},
      {"type65280", ""s, {"\\#", "0", ""}},
      // Nothing that a peer may write looks like something else.
      {"ptr", "\3a.b\4c\n d\1\xff\0"s, {R"(a\.b.c\010\032d.\255)"}},
  };
  for (const Row& row : rows) {
    auto fields = parse_rdata(parse_record_type(row.type).value(), row.bytes);
    ASSERT_TRUE(fields) << row.type;
    EXPECT_EQ(*fields, row.fields) << row.type;
  }
}

TEST(Rdata, RefusesOctetsThatAreNoRecord) {
  struct Row {
    std::string type, bytes;
  } rows[] = {
      {"a", "\1\2\3"s},
      {"a", "\1\2\3\4\5"s},
      {"aaaa", "\1\2\3\4"s},
      {"mx", ""s},
      {"mx", "\0"s},
      {"mx", "\0\1"s},
      {"mx", "\0\1\2mx"s},
      {"mx", "\0\1\xc0\x0c"s},  // a compressed name
      {"mx", "\0\1\5mx\0"s},
      {"ptr", "\1a\0b"s},
      {"txt", ""s},
      {"txt", "\5abc"s},
      {"srv", "\0\1\0\2\0"s},
      {"tlsa", "\3\1"s},
      {"soa", "\2ns\0\1h\0\0\0\0\1"s},
  };
  for (const Row& row : rows)
    EXPECT_FALSE(parse_rdata(parse_record_type(row.type).value(), row.bytes))
        << row.type;
}

TEST(Rdata, KnowsTypesByNameAndNumber) {
  EXPECT_EQ(parse_record_type("MX"), 15);
  EXPECT_EQ(parse_record_type("15"), 15);
  EXPECT_EQ(parse_record_type("TYPE15"), 15);
  for (auto* text : {"", "type", "mxx", "0", "65536", "-1", "1 "})
    EXPECT_FALSE(parse_record_type(text)) << text;
}

TEST(Rdata, TellsNamesFromOtherText) {
  const std::string label(63, 'a'), longest = label + "." + label + "." + label + ".";
  for (const std::string& name :
       {"a"s, "mx.example.net"s, "mx.example.net."s, "_25._tcp.mx"s, "1.0.0.127"s,
        "xn--bcher-kva.example"s, label, longest + std::string(61, 'b')})
    EXPECT_TRUE(is_dns_name(name)) << name;
  for (const std::string& name :
       {""s, "."s, "a..b"s, ".a"s, "a.."s, "a b"s, "a\0b"s, "b\xc3\xbc"s, "a/b"s,
        R"(a\.b)"s, "*"s, label + "a", longest + std::string(62, 'b')})
    EXPECT_FALSE(is_dns_name(name)) << name;
}

TEST(Rdata, ReversesAddresses) {
  EXPECT_EQ(reverse_name("192.0.2.1"), "1.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_name("2001:db8::1"),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  EXPECT_EQ(reverse_name("mx.example.net"), "");
}

}  // namespace
}  // namespace net
