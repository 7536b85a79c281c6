// SPDX-License-Identifier: Apache-2.0
//
// What a retry time belongs to, in Exim's own key texts, so that a person who knows
// exinext can read ours (Exim manual, "Retry configuration"; spec/queue-run.md 5.1).
//
//   T:host:ip[:port][/interface]  a host          T:...:message-id  one message there
//   R:domain   R:local@domain     routing         R:local@domain:<sender>  RCPT
//   T:local@domain                local delivery  T:|command:parent  T:/file:parent
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hints {

struct HostItem {
  std::string_view name;     // in any case; of a socket, its path, which is all
  std::string_view address;  // no brackets; empty: retry_include_ip_address is false
  std::uint16_t port = 25;
  std::string_view interface = {};  // the address we send from, if the site says one
};

// As Exim writes it from 4.98 on: an IPv6 address, and a name that is an address
// itself, stand in brackets.
std::string host_key(const HostItem& host);
std::string message_key(const HostItem& host, std::string_view message_id);

// Routing: domains and addresses are lower case already in Exim's keys but for the
// local part, whose case we keep.
std::string domain_key(std::string_view domain);
std::string address_key(std::string_view address);
// A recipient that was refused for now.  With the sender while
// address_retry_include_sender is true; an empty one is "<>".
std::string recipient_key(std::string_view address, std::string_view sender);

// Local delivery: an address, or a domain, or what a redirection made of one.
std::string local_key(std::string_view address);
std::string generated_key(std::string_view pipe_or_file, std::string_view parent);

// Does the key speak of `word`: is that the whole of it, or one of the host, address,
// domain, mail address, sender or message id that it is made of?  In any case.
bool mentions(std::string_view key, std::string_view word);

// Is the key about that host, at that address or at all of its addresses?
bool concerns_host(std::string_view key, std::string_view name,
                   std::string_view address);

}  // namespace hints
