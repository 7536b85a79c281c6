// SPDX-License-Identifier: Apache-2.0
//
// What is known of a client, an envelope and a message: what ACLs see, what -H keeps
// and what the logs tell.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/endpoint.h"
#include "net/tls.h"
#include "smtp/params.h"

namespace receiver {

// A client that speaks through a proxy (PROXY protocol, XCLIENT): $proxy_...
struct Proxy {
  net::Endpoint local;     // the proxy's address, as the socket has it
  net::Endpoint external;  // where the client had connected to
};

// The names that the DNS gives the client's address, each leading back to it.
struct HostNames {
  enum class State : std::uint8_t { unasked, found, failed, deferred };
  State state = State::unasked;
  std::vector<std::string> names;  // the first one is its name
  bool authenticated = false;      // by DNSSEC, both ways
};

// Who AUTH, or an XCLIENT LOGIN, says that the client is.
struct Login {
  std::string authenticator;  // the driver's name in the policy, "xclient"
  std::string mechanism;      // "PLAIN"
  std::string id;             // $authenticated_id
};

struct Client {
  net::Endpoint socket_peer;  // the other end of the connection, for limits and rights
  net::Endpoint peer;         // the client: the same, unless a proxy tells
  net::Endpoint local;        // our end
  std::optional<Proxy> proxy;
  std::string connection_id;  // names the connection in the logs
  HostNames host;
  std::string helo_name;  // empty before HELO
  bool helo_verified = false;
  bool extended = false;        // said EHLO
  bool tls_on_connect = false;  // on a port where TLS comes first
  std::optional<net::TlsFacts> tls;
  std::optional<Login> login;
  std::optional<std::string> refused_login;  // after a failed AUTH: whom it claimed
  std::string steps;                         // of the protocol's start, for PS=: "ese"
  unsigned messages = 0;                     // MAIL commands that were taken

  std::string host_name() const {
    return host.names.empty() ? std::string() : host.names.front();
  }
  // "esmtpsa", $received_protocol, P= in logs; "utf8" in front for SMTPUTF8, and "S" of
  // a message that must stay in TLS.
  std::string protocol(const smtp::MailParams& params) const;
};

struct Recipient {
  std::string address;
  smtp::RcptParams params;
};

struct Envelope {
  std::string sender;  // empty for a bounce
  smtp::MailParams params;
  std::string authenticated_sender;  // AUTH= of MAIL, if it may be believed
  std::vector<Recipient> recipients;
  // By the MAIL ACL, and why: the message is taken, and no recipient of it is kept.
  std::optional<std::string> discarded;
};

// What ACLs decided about a message beside taking it.
struct Wishes {
  bool freeze = false;
  bool freeze_tell = true;  // freeze_tell's address hears of it
  bool queue_only = false;
  bool first_pass_route = false;
  std::string queue_name;  // queue = NAME
  int fake_code = 0;       // 550 or 450: taken, but the client is told otherwise
  std::string fake_text;
  bool suppress_local_fixups = false;
  struct Submission {
    bool sender_retain = false;
    std::optional<std::string> domain;  // "": the one that the sender has
    std::string name;
  };
  std::optional<Submission> submission;
  std::optional<int> utf8_downconvert;  // 1, 0, -1
  bool requiretls = false;
};

using AclVariables = std::map<std::string, std::string, std::less<>>;  // "acl_m_x"

}  // namespace receiver
