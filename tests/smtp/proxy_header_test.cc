// SPDX-License-Identifier: Apache-2.0
#include "smtp/proxy_header.h"

#include <gtest/gtest.h>

namespace smtp {
namespace {

using namespace std::string_view_literals;
using Endpoint = ProxyHeader::Endpoint;

struct Read {
  std::optional<ProxyHeader> header;
  bool bad = false;
  std::size_t used = 0;

  bool operator==(const Read&) const = default;
};

// Fed in pieces of `step` octets, or of what the parser wants at most if that is 0.
Read read_by(std::string_view bytes, std::size_t step) {
  ProxyHeaderParser parser;
  const std::size_t all = bytes.size();
  Read read;
  while (!bytes.empty() && !read.header && !read.bad) {
    std::string_view piece = bytes.substr(0, step == 0 ? parser.wants() : step);
    std::string_view left = piece;
    auto header = parser.feed(left);
    bytes.remove_prefix(piece.size() - left.size());
    read.bad = !header;
    if (header) read.header = *header;
    if (step == 0 && !read.bad) {
      EXPECT_TRUE(left.empty());
    }
  }
  EXPECT_TRUE(read.bad || (parser.wants() == 0) == read.header.has_value());
  read.used = all - bytes.size();
  return read;
}

Read read_everyhow(std::string_view bytes) {
  const Read whole = read_by(bytes, bytes.size());
  for (std::size_t step = 0; step <= bytes.size(); ++step) {
    Read read = read_by(bytes, step);
    EXPECT_EQ(read.header, whole.header) << "by " << step;
    EXPECT_EQ(read.bad, whole.bad) << "by " << step;
    if (whole.header) {
      EXPECT_EQ(read.used, whole.used) << "by " << step;
    }
  }
  return whole;
}

std::string v2(unsigned command, unsigned family, std::string_view rest) {
  std::string text("\r\n\r\n\0\r\nQUIT\n", 12);
  text += static_cast<char>(command);
  text += static_cast<char>(family);
  text += static_cast<char>(rest.size() >> 8);
  text += static_cast<char>(rest.size() & 0xff);
  return text.append(rest);
}

std::string tlv(unsigned type, std::string_view value) {
  std::string text(1, static_cast<char>(type));
  text += static_cast<char>(value.size() >> 8);
  text += static_cast<char>(value.size() & 0xff);
  return text.append(value);
}

constexpr std::string_view kV4 = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x19"sv;
const std::string kV6 = std::string("\x20\x01\x0d\xb8") + std::string(11, '\0') +
                        "\x01" + std::string(15, '\0') + "\x01\x04\xd2" +
                        std::string("\x00\x19", 2);

const ProxyHeader::Addresses kAddresses4 = {{"192.0.2.1", 1234}, {"192.0.2.2", 25}};
const ProxyHeader::Addresses kAddresses6 = {{"2001:db8::1", 1234}, {"::1", 25}};

TEST(ProxyHeader, PP1_PP3_ReadsVersion1HoweverCut) {
  for (std::string_view behind : {"", "EHLO x\r\n", "\x16\x03\x01"}) {
    std::string line = "PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\n";
    Read read = read_everyhow(line + std::string(behind));
    ASSERT_TRUE(read.header);
    EXPECT_EQ(read.header->addresses, kAddresses4);
    EXPECT_EQ(read.used, line.size());

    line = "PROXY TCP6 2001:DB8::1 0:0::1 1234 25\r\n";
    read = read_everyhow(line + std::string(behind));
    ASSERT_TRUE(read.header);
    EXPECT_EQ(read.header->addresses, kAddresses6);
    EXPECT_EQ(read.used, line.size());

    for (std::string_view unknown :
         {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN whatever it is\r\n"}) {
      read = read_everyhow(std::string(unknown) + std::string(behind));
      ASSERT_TRUE(read.header);
      EXPECT_EQ(read.header->addresses, std::nullopt);
      EXPECT_EQ(read.used, unknown.size());
    }
  }
}

TEST(ProxyHeader, PP2_PP3_ReadsVersion2HoweverCut) {
  std::string v4(kV4);
  std::string tlvs =
      tlv(0x01, "smtp") + tlv(0x04, "") + tlv(0xee, "\r\n\0"sv) + tlv(0x05, "unique");
  struct Row {
    std::string bytes;
    std::optional<ProxyHeader::Addresses> addresses;
  };
  for (const auto& [bytes, addresses] : {
           Row{v2(0x21, 0x11, v4), kAddresses4},
           Row{v2(0x21, 0x21, kV6), kAddresses6},
           Row{v2(0x21, 0x11, v4 + tlvs), kAddresses4},
           Row{v2(0x21, 0x21, kV6 + tlvs), kAddresses6},
           Row{v2(0x21, 0x00, ""), std::nullopt},
           Row{v2(0x21, 0x00, tlvs), std::nullopt},
           Row{v2(0x20, 0x00, ""), std::nullopt},
           Row{v2(0x20, 0x11, v4), std::nullopt},
           Row{v2(0x21, 0x11, v4 + tlv(0xee, std::string(505, 'x'))), kAddresses4},
       }) {
    Read read = read_everyhow(bytes + "EHLO x\r\n");
    ASSERT_TRUE(read.header);
    EXPECT_EQ(read.header->addresses, addresses);
    EXPECT_EQ(read.used, bytes.size());
  }
}

TEST(ProxyHeader, PP4_LeavesAClientHelloAlone) {
  std::string header = v2(0x21, 0x11, kV4);
  Read read = read_everyhow(header + "\x16\x03\x01\x02");
  EXPECT_TRUE(read.header);
  EXPECT_EQ(read.used, header.size());
}

TEST(ProxyHeader, TellsWhatTlsTheProxyHadWithTheClient) {
  std::string tls = std::string("\x07\0\0\0\0"sv) + tlv(0x21, "TLSv1.3") +
                    tlv(0x22, "client.example") + tlv(0x23, "TLS_AES_128_GCM_SHA256") +
                    tlv(0x24, "SHA256") + tlv(0x25, "RSA2048") + tlv(0x2f, "x");
  Read read = read_everyhow(v2(0x21, 0x11, std::string(kV4) + tlv(0x20, tls)));
  ASSERT_TRUE(read.header && read.header->tls);
  const ProxyHeader::Tls expected = {true,
                                     true,
                                     true,
                                     true,
                                     "TLSv1.3",
                                     "TLS_AES_128_GCM_SHA256",
                                     "client.example",
                                     "SHA256",
                                     "RSA2048"};
  EXPECT_EQ(*read.header->tls, expected);
  std::string plain = tlv(0x20, std::string("\x00\0\0\0\x01"sv));
  read = read_everyhow(v2(0x21, 0x11, std::string(kV4) + plain));
  ASSERT_TRUE(read.header && read.header->tls);
  EXPECT_EQ(*read.header->tls, ProxyHeader::Tls{});
}

// The sum was made by another program: CRC-32C of the header with zeros in its place.
TEST(ProxyHeader, PP8_RefusesAWrongChecksum) {
  std::string right =
      v2(0x21, 0x11, std::string(kV4) + tlv(0x03, "\x96\x5a\xb9\x68"sv));
  Read read = read_everyhow(right);
  ASSERT_TRUE(read.header);
  EXPECT_EQ(read.header->addresses, kAddresses4);
  for (std::size_t at = 16; at < right.size(); ++at) {
    std::string wrong = right;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    EXPECT_EQ(read_by(wrong, wrong.size()).bad, at != 28) << at;  // 28: its type
  }
  EXPECT_TRUE(read_everyhow(v2(0x21, 0x11, std::string(kV4) + tlv(0x03, "abc"))).bad);
}

TEST(ProxyHeader, PP5_RefusesWhatIsNone) {
  for (const std::string& bytes : {
           std::string("EHLO x\r\nEHLO x\r\n"),
           std::string("PROXX TCP4 192.0.2.1 192.0.2.2 1234 25\r\n"),
           std::string("proxy TCP4 192.0.2.1 192.0.2.2 1234 25\r\n"),
           std::string("PROXY UDP4 192.0.2.1 192.0.2.2 1234 25\r\n"),
           std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\n"),
           std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1234 25 \r\n"),
           std::string("PROXY TCP4  192.0.2.1 192.0.2.2 1234 25\r\n"),
           std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1234\r\n"),
           std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1234 65536\r\n"),
           std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1234 025\r\n"),
           std::string("PROXY TCP4 2001:db8::1 ::1 1234 25\r\n"),
           std::string("PROXY TCP6 192.0.2.1 192.0.2.2 1234 25\r\n"),
           std::string("PROXY TCP4 192.0.2.1\0 192.0.2.2 1234 25\r\n"sv),
           std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\rQUIT\r\n"),
           "PROXY UNKNOWN " + std::string(94, 'x'),
           std::string("\r\n\r\n\0\r\nQUIX\n\x21\x11\0\0", 16),
           v2(0x31, 0x11, kV4),
           v2(0x22, 0x11, kV4),
           v2(0x21, 0x12, kV4),
           v2(0x21, 0x31, std::string(216, '\0')),
           v2(0x21, 0x11, kV4.substr(1)),
           v2(0x21, 0x21, kV4),
           v2(0x21, 0x11, std::string(kV4) + "\x01"),
           v2(0x21, 0x11, std::string(kV4) + std::string("\x01\x00\x05xxxx", 7)),
           v2(0x21, 0x11, std::string(kV4) + tlv(0x20, "xxxx")),
           v2(0x21, 0x11, std::string(kV4) + tlv(0x20, "xxxxxx")),
           v2(0x21, 0x11, std::string(kV4) + tlv(0xee, std::string(506, 'x'))),
       })
    EXPECT_TRUE(read_everyhow(bytes).bad) << bytes;
}

TEST(ProxyHeader, PP5_HasAtMost107OctetsInVersion1) {
  std::string line = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  ASSERT_EQ(line.size(), 107u);
  EXPECT_TRUE(read_everyhow(line).header);
  EXPECT_TRUE(read_everyhow(line.insert(20, "x")).bad);
}

}  // namespace
}  // namespace smtp
