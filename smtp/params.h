// SPDX-License-Identifier: Apache-2.0
//
// The parameters of MAIL and RCPT: RFC 5321 section 4.1.1.11, SIZE (RFC 1870) and
// BODY (RFC 6152).
//
// A parameter of an extension that we do not offer is refused with 555, one that we
// offer with a bad or repeated value with 501: the error is the reply the peer gets.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "smtp/reply.h"

namespace smtp {

// BODY=, as the client declared it; nothing is ever converted.
enum class BodyType { unsaid, seven_bit, eight_bit_mime };

struct MailParams {
  std::optional<std::uint64_t> size;  // SIZE=
  BodyType body = BodyType::unsaid;   // BODY=
};

// RCPT has no parameter yet; DSN brings NOTIFY= and ORCPT= here.
struct RcptParams {};

// `text` is what follows the path: empty, or blanks and parameters.
std::expected<MailParams, Reply> parse_mail_params(std::string_view text);
std::expected<RcptParams, Reply> parse_rcpt_params(std::string_view text);

}  // namespace smtp
