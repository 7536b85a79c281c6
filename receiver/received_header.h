// SPDX-License-Identifier: Apache-2.0
//
// What is written about a message's arrival: its Received: header and its lines in the
// logs, in Exim's own words, so that whatever reads those reads ours (Exim manual, "Log
// files" and received_header_text).  A client's host name is never looked up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/endpoint.h"
#include "spoolfmt/message_id.h"

namespace receiver {

// Who handed us a message, and how.
struct Client {
  net::Endpoint peer;
  net::Endpoint local;    // the end that is ours
  std::string helo_name;  // empty before HELO
  std::string protocol;   // "smtp", "esmtp"
};

struct Envelope {
  std::string sender;  // empty for a bounce
  std::vector<std::string> recipients;
};

// The whole header, final newline included; `now` is the end of the reception.
std::string received_header(std::string_view hostname, const Client& client,
                            const Envelope& envelope, const spoolfmt::MessageId& id,
                            base::Time now);

// "(helo.example) [192.0.2.1]": how the logs name a client.
std::string client_name(const Client& client);

// What follows the mark of an arrival, "<=" in the main log, "Received from" in the
// message log: "a@b.example H=(c.example) [192.0.2.1] P=esmtp S=1234 id=x@y".
std::string arrival(const Client& client, const Envelope& envelope, std::uint64_t size,
                    std::string_view queue, std::string_view message_id);

// "Sat, 21 Nov 2026 00:42:26 +0000", in the local zone (RFC 5322 section 3.3).
std::string format_mail_date(base::Time time);

}  // namespace receiver
