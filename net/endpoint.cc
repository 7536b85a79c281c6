// SPDX-License-Identifier: Apache-2.0
#include "net/endpoint.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <limits>
#include <memory>
#include <optional>

#include "base/handle.h"
#include "base/text.h"

namespace net {

namespace {

bool is_numeric(const std::string& address) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, address.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, address.c_str(), bytes) == 1;
}

std::optional<std::uint16_t> to_port(std::string_view text) {
  auto number = base::to_number(text);
  if (!number || *number > std::numeric_limits<std::uint16_t>::max())
    return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

struct HostPort {
  std::string host;
  std::optional<std::string_view> port;
};

// "[HOST]:PORT", "HOST:PORT"; text with two colons and no brackets is an IPv6 address.
HostPort split(std::string_view text) {
  if (text.starts_with('[')) {
    std::size_t close = text.find(']');
    if (close == text.npos) return {std::string(text), std::nullopt};
    std::string_view rest = text.substr(close + 1);
    HostPort parts{std::string(text.substr(1, close - 1)), std::nullopt};
    if (!rest.empty()) parts.port = rest.starts_with(':') ? rest.substr(1) : "";
    return parts;
  }
  std::size_t colon = text.find(':');
  if (colon == text.npos || text.find(':', colon + 1) != text.npos)
    return {std::string(text), std::nullopt};
  return {std::string(text.substr(0, colon)), text.substr(colon + 1)};
}

std::string numeric_address(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
  } else {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
  }
  return text;
}

}  // namespace

base::Result<Endpoint> parse_endpoint(std::string_view text) {
  HostPort parts = split(text);
  auto port = to_port(parts.port.value_or(""));
  if (!port || !is_numeric(parts.host))
    return base::fail(base::Code::usage, "'" + std::string(text) +
                                             "' is not an address and a port: write "
                                             "127.0.0.1:25 or [::1]:25");
  return Endpoint{std::move(parts.host), *port};
}

std::string format_endpoint(const Endpoint& endpoint) {
  std::string port = std::to_string(endpoint.port);
  if (endpoint.address.contains(':')) return "[" + endpoint.address + "]:" + port;
  return endpoint.address + ":" + port;
}

base::Result<std::vector<Endpoint>> resolve(std::string_view text,
                                            std::uint16_t usual_port) {
  HostPort parts = split(text);
  auto port = parts.port ? to_port(*parts.port) : usual_port;
  if (!port || parts.host.empty())
    return base::fail(
        base::Code::usage,
        "'" + std::string(text) + "' is not a host: write HOST or HOST:PORT");
  if (is_numeric(parts.host))
    return std::vector{Endpoint{std::move(parts.host), *port}};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int error = ::getaddrinfo(parts.host.c_str(), nullptr, &hints, &found);
  base::Handle<addrinfo, ::freeaddrinfo> owner(found);
  if (error != 0)
    return base::fail(
        error == EAI_AGAIN ? base::Code::temporary : base::Code::not_found,
        parts.host + ": " + ::gai_strerror(error));
  std::vector<Endpoint> endpoints;
  for (const addrinfo* one = found; one; one = one->ai_next)
    if (one->ai_family == AF_INET || one->ai_family == AF_INET6)
      endpoints.push_back({numeric_address(one->ai_addr), *port});
  return endpoints;
}

std::vector<std::string> interface_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return addresses;
  std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, ::freeifaddrs);
  for (const ifaddrs* each = first; each; each = each->ifa_next) {
    if (!each->ifa_addr) continue;
    int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(each->ifa_addr, size, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
      continue;
    std::string address = text.data();
    addresses.push_back(address.substr(0, address.find('%')));  // without its scope
  }
  return addresses;
}

}  // namespace net
