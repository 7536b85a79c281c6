// SPDX-License-Identifier: Apache-2.0
#include "smtp/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"

namespace smtp {

namespace {

using Header = ProxyHeader;
using Endpoint = ProxyHeader::Endpoint;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixed = 16;  // signature, command, family and length

std::unexpected<base::Error> bad(std::string_view what) {
  return base::fail(base::Code::syntax, "PROXY header: " + std::string(what));
}

unsigned octet(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::size_t number16(std::string_view bytes, std::size_t at) {
  return octet(bytes, at) * 256 + octet(bytes, at + 1);
}

std::uint32_t number32(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(number16(bytes, at) << 16 |
                                    number16(bytes, at + 2));
}

// ---- version 1

// The next word of `line`, which ends at a single blank.
std::string_view next_word(std::string_view& line) {
  std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

base::Result<Endpoint> parse_endpoint(int family, std::string_view address,
                                      std::string_view port) {
  unsigned char bytes[16];
  char canonical[INET6_ADDRSTRLEN];
  std::string text(address);
  if (text.contains('\0') || ::inet_pton(family, text.c_str(), bytes) != 1)
    return bad("malformed address");
  if (::inet_ntop(family, bytes, canonical, sizeof canonical) == nullptr)
    return bad("malformed address");
  auto number = base::to_number(port);
  bool leading_zero = port.size() > 1 && port.starts_with('0');
  if (!number || *number > 65535 || leading_zero) return bad("malformed port");
  return Endpoint{canonical, static_cast<std::uint16_t>(*number)};
}

// "PROXY" SP ("TCP4" / "TCP6") SP source SP destination SP port SP port
// "PROXY" SP "UNKNOWN" and anything
base::Result<Header> parse_v1(std::string_view line) {
  if (next_word(line) != "PROXY") return bad("does not start with PROXY");
  std::string_view protocol = next_word(line);
  if (protocol == "UNKNOWN") return Header{};
  if (protocol != "TCP4" && protocol != "TCP6") return bad("unknown protocol");
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  std::string_view source = next_word(line);
  std::string_view destination = next_word(line);
  std::string_view source_port = next_word(line);
  Header header;
  header.addresses = {TRY(parse_endpoint(family, source, source_port)),
                      TRY(parse_endpoint(family, destination, line))};
  return header;
}

// ---- version 2

constexpr std::array<std::uint32_t, 256> kCrc32c = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1) != 0 ? value >> 1 ^ 0x82f63b78u : value >> 1;
    table[i] = value;
  }
  return table;
}();

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t value = 0xffffffffu;
  for (char c : bytes)
    value = value >> 8 ^ kCrc32c[(value ^ static_cast<unsigned char>(c)) & 0xff];
  return value ^ 0xffffffffu;
}

struct Tlv {
  unsigned type;
  std::size_t at;  // of the value, in the header
  std::string_view value;
};

// pp2_tlv: type, length (16 bits), value; they fill `bytes`, which stands at `at`.
base::Result<std::vector<Tlv>> parse_tlvs(std::string_view bytes, std::size_t at) {
  std::vector<Tlv> tlvs;
  while (!bytes.empty()) {
    if (bytes.size() < 3 || number16(bytes, 1) > bytes.size() - 3)
      return bad("a TLV is cut short");
    std::size_t length = number16(bytes, 1);
    tlvs.push_back({octet(bytes, 0), at + 3, bytes.substr(3, length)});
    bytes.remove_prefix(3 + length);
    at += 3 + length;
  }
  return tlvs;
}

// pp2_tlv_ssl: client (8 bits), verify (32 bits), TLVs.
base::Result<Header::Tls> parse_tls(const Tlv& tlv) {
  if (tlv.value.size() < 5) return bad("a TLV is cut short");
  const unsigned client = octet(tlv.value, 0);
  Header::Tls tls;
  tls.over_tls = (client & 1) != 0;
  tls.certificate_in_connection = (client & 2) != 0;
  tls.certificate_in_session = (client & 4) != 0;
  tls.verified = number32(tlv.value, 1) == 0;
  for (const Tlv& part : TRY(parse_tlvs(tlv.value.substr(5), tlv.at + 5))) {
    std::string text(part.value);
    switch (part.type) {
      case 0x21:
        tls.version = std::move(text);
        break;
      case 0x22:
        tls.common_name = std::move(text);
        break;
      case 0x23:
        tls.cipher = std::move(text);
        break;
      case 0x24:
        tls.signature_algorithm = std::move(text);
        break;
      case 0x25:
        tls.key_algorithm = std::move(text);
        break;
      default:
        break;
    }
  }
  return tls;
}

// The sum is taken over the whole header, its own four octets as zeros.
bool sum_is_right(std::string_view text, const Tlv& sum) {
  if (sum.value.size() != 4) return false;
  std::string zeroed(text);
  zeroed.replace(sum.at, 4, 4, '\0');
  return crc32c(zeroed) == number32(sum.value, 0);
}

Endpoint endpoint(int family, std::string_view address, std::size_t port) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(family, address.data(), text, sizeof text);
  return {text, static_cast<std::uint16_t>(port)};
}

base::Result<Header> parse_v2(std::string_view text) {
  const unsigned command = octet(text, 12);
  const unsigned family = octet(text, 13);
  const std::string_view rest = text.substr(kFixed);
  if (command == 0x20) return Header{};  // LOCAL: the proxy itself; the rest is skipped
  if (command != 0x21) return bad("unknown version or command");
  const std::size_t size = family == 0x11 ? 4 : family == 0x21 ? 16 : 0;
  if (size == 0 && family != 0) return bad("not of TCP over IPv4 or IPv6");
  const std::size_t addresses = size == 0 ? 0 : 2 * size + 4;
  if (rest.size() < addresses) return bad("the addresses are cut short");
  Header header;
  if (size > 0) {
    const int af = size == 4 ? AF_INET : AF_INET6;
    header.addresses = {
        endpoint(af, rest.substr(0, size), number16(rest, 2 * size)),
        endpoint(af, rest.substr(size, size), number16(rest, 2 * size + 2))};
  }
  for (const Tlv& tlv : TRY(parse_tlvs(rest.substr(addresses), kFixed + addresses))) {
    if (tlv.type == 0x03 && !sum_is_right(text, tlv)) return bad("wrong checksum");
    if (tlv.type == 0x20) header.tls = TRY(parse_tls(tlv));
  }
  return header;
}

}  // namespace

// The first octet tells the versions apart.  Of version 1 only the end is known once it
// is here, so it is read in steps of what must be there still.
std::size_t ProxyHeaderParser::wants() const {
  constexpr std::size_t kShortestV1 = std::string_view("PROXY UNKNOWN\r\n").size();
  if (complete_) return 0;
  if (text_.size() < kShortestV1) return kShortestV1 - text_.size();
  if (text_.starts_with('P')) return text_.ends_with('\r') ? 1 : 2;
  if (text_.size() < kFixed) return kFixed - text_.size();
  return kFixed + number16(text_, 14) - text_.size();
}

base::Result<std::optional<ProxyHeader>> ProxyHeaderParser::feed(
    std::string_view& bytes) {
  while (!bytes.empty() && !complete_) {
    // Octet by octet where it matters where the header ends.
    const bool v1 = text_.starts_with('P') || (text_.empty() && bytes[0] == 'P');
    std::size_t length = v1 ? 1 : std::min(wants(), bytes.size());
    text_.append(bytes.substr(0, length));
    bytes.remove_prefix(length);
    if (v1) {
      constexpr std::string_view kStart = "PROXY ";
      if (!kStart.starts_with(std::string_view(text_).substr(0, kStart.size())))
        return bad("does not start with PROXY");
      if (text_.ends_with('\n')) {
        if (!text_.ends_with("\r\n")) return bad("the line does not end in CRLF");
        complete_ = true;
        return TRY(parse_v1(std::string_view(text_).substr(0, text_.size() - 2)));
      }
      if (text_.size() >= kLongestV1) return bad("the line is too long");
      continue;
    }
    const std::size_t seen = std::min(text_.size(), kSignature.size());
    if (std::string_view(text_).substr(0, seen) != kSignature.substr(0, seen))
      return bad("neither version 1 nor 2");
    if (text_.size() < kFixed) continue;
    if (kFixed + number16(text_, 14) > kLongestV2) return bad("too long");
    if (wants() > 0) continue;
    complete_ = true;
    return TRY(parse_v2(text_));
  }
  return std::nullopt;
}

}  // namespace smtp
