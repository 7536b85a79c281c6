// SPDX-License-Identifier: Apache-2.0
//
// What is written about a message's arrival: its Received: header and its lines in the
// logs, in Exim's own words, so that whatever reads those reads ours (Exim manual, "Log
// files" and received_header_text).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "policy/log_selector.h"
#include "receiver/facts.h"
#include "spoolfmt/message_id.h"

namespace receiver {

// "name (helo) [192.0.2.1]:1234": how the logs name a client; the port only if asked
// for.
std::string client_name(const Client& client, bool port = false);

// "name ([192.0.2.1] helo=x)": how a Received: header names it ($sender_rcvhost).
std::string received_from(const Client& client, bool port = false);

// The whole header, final newline included; `now` is the end of the reception.
std::string received_header(std::string_view hostname, const Client& client,
                            const Envelope& envelope, const spoolfmt::MessageId& id,
                            base::Time now, const policy::LogSelector& shown);
// The same where the policy gives the text (received_header_text): the date is ours.
std::string received_header(std::string_view text, base::Time now);

// What the log tells of a message beside its client and its envelope.
struct ArrivalDetails {
  std::uint64_t size = 0;  // logged_size()
  std::string_view queue;
  std::string_view message_id;  // without brackets; "": none
  std::string_view subject;     // decoded
  bool chunked = false;         // came by BDAT
  std::string_view pipelining;  // "L", "L-": what was offered and used; "": nothing
  std::chrono::microseconds reception{};
};

// What follows the mark of an arrival, "<=" in the main log, "Received from" in the
// message log: "a@b.example H=(c.example) [192.0.2.1] P=esmtp S=1234 id=x@y".
std::string describe_arrival(const Client& client, const Envelope& envelope,
                             const ArrivalDetails& arrival,
                             const policy::LogSelector& shown);

// " X=TLS1.3:...:256 CV=no SNI=mx.example": what the log says of the client's TLS.
std::string describe_tls(const Client& client, const policy::LogSelector& shown);

}  // namespace receiver
