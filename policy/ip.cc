// SPDX-License-Identifier: Apache-2.0
#include "policy/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "policy/source.h"

namespace policy {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0,    0,
                                                        0, 0, 0, 0, 0xff, 0xff};

// inet_pton is as strict as the language: no leading zeros, no short forms.
std::optional<Ip> parse_without_scope(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buffer || text.contains('\0')) return std::nullopt;
  *std::copy(text.begin(), text.end(), buffer) = '\0';
  Ip ip;
  ip.v6 = text.contains(':');
  if (inet_pton(ip.v6 ? AF_INET6 : AF_INET, buffer, ip.bytes.data()) != 1)
    return std::nullopt;
  return ip;
}

std::unexpected<base::Error> wrong(std::string_view text, std::string_view what) {
  return base::fail(base::Code::syntax, quote(text) + std::string(what));
}

base::Result<IpNetwork> parse_with_mask(std::string_view text, std::size_t slash) {
  auto ip = parse_without_scope(text.substr(0, slash));
  std::string_view mask = text.substr(slash + 1);
  auto bits = base::to_number(mask);
  if (!ip || (!bits && !mask.empty() &&
              !std::all_of(mask.begin(), mask.end(), base::is_digit)))
    return wrong(text, " is not an IP address with a mask");
  if (mask.empty()) return wrong(text, " has no number after the '/'");
  if (!bits || *bits > ip->bits())
    return wrong(text,
                 " has a mask of more than " + std::to_string(ip->bits()) + " bits");
  return IpNetwork{*ip, static_cast<unsigned>(*bits)};
}

unsigned group(const Ip& ip, unsigned i) {
  return static_cast<unsigned>(ip.bytes[2 * i] << 8 | ip.bytes[2 * i + 1]);
}

void append_number(std::string& out, unsigned number, int base) {
  char buffer[8];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number, base).ptr;
  out.append(buffer, end);
}

constexpr char kHex[] = "0123456789abcdef";

}  // namespace

std::optional<Ip> parse_ip(std::string_view text) {
  std::size_t percent = text.find('%');
  if (percent == std::string_view::npos) return parse_without_scope(text);
  for (char c : text.substr(percent + 1))
    if (c <= ' ' || c == '/' || c == '%' || c == 0x7f) return std::nullopt;
  auto ip = parse_without_scope(text.substr(0, percent));
  return ip && ip->v6 ? ip : std::nullopt;
}

base::Result<IpNetwork> parse_network(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) return parse_with_mask(text, slash);
  auto ip = parse_without_scope(text);
  if (!ip) return wrong(text, " is not an IP address");
  return IpNetwork{*ip, ip->bits()};
}

base::Result<IpNetwork> parse_masked(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) return parse_with_mask(text, slash);
  if (!parse_without_scope(text)) return wrong(text, " is not an IP address");
  return wrong(text, " has no mask: write address/bits");
}

Ip masked(const Ip& ip, unsigned bits) {
  Ip result = ip;
  for (unsigned i = 0; i < result.bytes.size(); ++i) {
    unsigned keep = bits > 8 * i ? std::min(bits - 8 * i, 8U) : 0;
    result.bytes[i] &= static_cast<std::uint8_t>(0xff00U >> keep);
  }
  return result;
}

Ip unmapped(const Ip& ip) {
  if (!ip.v6 ||
      !std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), ip.bytes.begin()))
    return ip;
  Ip result;
  std::copy_n(ip.bytes.begin() + 12, 4, result.bytes.begin());
  return result;
}

Ip mapped(const Ip& ip) {
  if (ip.v6) return ip;
  Ip result;
  result.v6 = true;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), result.bytes.begin());
  std::copy_n(ip.bytes.begin(), 4, result.bytes.begin() + 12);
  return result;
}

bool contains(const IpNetwork& network, const Ip& ip) {
  IpNetwork wanted = network;
  if (wanted.address.v6 && wanted.bits >= 96) {
    Ip v4 = unmapped(wanted.address);
    if (!v4.v6) wanted = {v4, wanted.bits - 96};
  }
  Ip candidate = wanted.address.v6 ? ip : unmapped(ip);
  return candidate.v6 == wanted.address.v6 &&
         masked(candidate, wanted.bits) == masked(wanted.address, wanted.bits);
}

std::string format_ip(const Ip& ip) {
  std::string out;
  if (!ip.v6) {
    for (unsigned i = 0; i < 4; ++i) {
      if (i > 0) out += '.';
      append_number(out, ip.bytes[i], 10);
    }
    return out;
  }
  // The first of the longest runs of zeros becomes "::".  Exim shortens a single zero
  // too, against RFC 5952, and the texts end up as keys in people's files.
  unsigned longest = 0, start = 8;
  for (unsigned i = 0; i < 8; ++i) {
    unsigned end = i;
    while (end < 8 && group(ip, end) == 0) ++end;
    if (end - i > longest) {
      longest = end - i;
      start = i;
    }
    if (end > i) i = end - 1;
  }
  for (unsigned i = 0; i < 8; ++i) {
    if (i == start) {
      out += "::";
      i += longest - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append_number(out, group(ip, i), 16);
  }
  return out;
}

std::string format_ip_full(const Ip& ip, char separator) {
  if (!ip.v6) return format_ip(ip);
  std::string out;
  out.reserve(39);
  for (unsigned i = 0; i < 16; ++i) {
    if (i > 0 && i % 2 == 0) out += separator;
    out += kHex[ip.bytes[i] >> 4];
    out += kHex[ip.bytes[i] & 15];
  }
  return out;
}

std::string format_ip_reversed(const Ip& ip) {
  std::string out;
  for (unsigned i = ip.v6 ? 16 : 4; i-- > 0;) {
    if (ip.v6) {
      out += kHex[ip.bytes[i] & 15];
      out += '.';
      out += kHex[ip.bytes[i] >> 4];
    } else {
      append_number(out, ip.bytes[i], 10);
    }
    if (i > 0) out += '.';
  }
  return out;
}

}  // namespace policy
