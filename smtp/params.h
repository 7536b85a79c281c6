// SPDX-License-Identifier: Apache-2.0
//
// The parameters of MAIL and RCPT: RFC 5321 section 4.1.1.11, SIZE (RFC 1870), BODY
// (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), AUTH (RFC 4954), REQUIRETLS (RFC 8689),
// and the DSN ones (RFC 3461).
//
// A parameter that nobody offers is refused with 555, one with a bad or repeated value
// with 501: the error is the reply the peer gets.  Whether this server offered it to
// this client is for the Dialogue to say.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace smtp {

// BODY=, as the client declared it; nothing is ever converted.
enum class BodyType : std::uint8_t { unsaid, seven_bit, eight_bit_mime, binary_mime };

// RET=: how much of the message a non-delivery report shall carry.
enum class DsnReturn : std::uint8_t { unsaid, full, headers };

// NOTIFY=, a sum of these; the numbers are those of the spool (spoolfmt::dsn).
namespace notify {
inline constexpr unsigned kNever = 2;
inline constexpr unsigned kSuccess = 4;
inline constexpr unsigned kFailure = 8;
inline constexpr unsigned kDelay = 16;
}  // namespace notify

struct MailParams {
  std::optional<std::uint64_t> size;  // SIZE=
  BodyType body = BodyType::unsaid;   // BODY=
  bool smtputf8 = false;
  DsnReturn ret = DsnReturn::unsaid;
  std::string envid;                // ENVID=, still in xtext; empty: none
  std::optional<std::string> auth;  // AUTH=, decoded; "" for <>
  bool requiretls = false;
};

struct RcptParams {
  unsigned notify = 0;  // a sum of notify::k...; 0: not said
  std::string orcpt;    // ORCPT=, "rfc822;xtext" as received; empty: none
};

inline constexpr std::size_t kLongestEnvid = 100;
inline constexpr std::size_t kLongestOrcpt = 500;

// `text` is what follows the path: empty, or blanks and parameters.
std::expected<MailParams, Reply> parse_mail_params(std::string_view text);
std::expected<RcptParams, Reply> parse_rcpt_params(std::string_view text);

// RFC 3461 section 4: printable ASCII, with "+2B" for what is not xtext.  Nothing if a
// plus sign lacks its two digits (upper case) or another byte may not stand there.
std::optional<std::string> decode_xtext(std::string_view text);

}  // namespace smtp
