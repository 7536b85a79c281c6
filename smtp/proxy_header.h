// SPDX-License-Identifier: Apache-2.0
//
// The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): the first bytes
// of a connection, in which a trusted proxy tells whose connection it is.
//
// A pure parser that is fed bytes as they come.  It never takes one that lies behind
// the header, since that may be the start of a TLS handshake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace smtp {

struct ProxyHeader {
  struct Endpoint {
    std::string address;  // numeric, as inet_ntop writes it
    std::uint16_t port = 0;

    bool operator==(const Endpoint&) const = default;
  };
  struct Addresses {
    Endpoint source;       // the client
    Endpoint destination;  // where it had connected to

    bool operator==(const Addresses&) const = default;
  };
  // PP2_TYPE_SSL: what the client and the proxy agreed upon.
  struct Tls {
    bool over_tls = false;
    bool certificate_in_connection = false;
    bool certificate_in_session = false;
    bool verified = false;  // the certificate, if there is one
    std::string version, cipher, common_name, signature_algorithm, key_algorithm;

    bool operator==(const Tls&) const = default;
  };

  // Nothing for LOCAL, UNKNOWN and unspecified families: the socket's addresses hold.
  std::optional<Addresses> addresses;
  std::optional<Tls> tls;

  bool operator==(const ProxyHeader&) const = default;
};

class ProxyHeaderParser {
 public:
  static constexpr std::size_t kLongestV1 = 107;
  static constexpr std::size_t kLongestV2 = 536;

  // How many bytes may be read without reading past the header; 0 once it is complete.
  std::size_t wants() const;

  // Takes bytes off the front of `bytes` until the header is complete or there are no
  // more.  Code::syntax if this is none: close the connection.
  base::Result<std::optional<ProxyHeader>> feed(std::string_view& bytes);

 private:
  std::string text_;  // as far as it is here
  bool complete_ = false;
};

}  // namespace smtp
