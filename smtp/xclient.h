// SPDX-License-Identifier: Apache-2.0
//
// XCLIENT: a trusted proxy tells who the client is (the definition is Postfix's,
// XCLIENT_README; what may be said is what Exim takes).
//
// Stricter than its one known user needs, since nginx passes user names on as they are:
// a blank in one would start another attribute, so no attribute may come twice and
// LOGIN must be clean xtext.  Each command is complete in itself and replaces the one
// before.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace smtp {

struct ClaimedClient {
  // NAME: the host name, which [UNAVAILABLE] says there is not and [TEMPUNAVAIL] that
  // nobody could find out.
  enum class Name : std::uint8_t { unsaid, said, unavailable, try_again };

  std::string address;     // ADDR, numeric, as inet_ntop writes it
  std::uint16_t port = 0;  // PORT; 0: unknown
  Name name_state = Name::unsaid;
  std::string name;
  std::optional<std::string> login;  // LOGIN, decoded; nothing: nobody is logged in
  std::string local_address;         // DESTADDR: where the client had connected to
  std::uint16_t local_port = 0;      // DESTPORT
};

// As EHLO lists them.
inline constexpr std::string_view kXclientAttributes =
    "ADDR NAME PORT LOGIN DESTADDR DESTPORT";

// `text` is what follows the verb.
std::expected<ClaimedClient, Reply> parse_xclient(std::string_view text);

}  // namespace smtp
