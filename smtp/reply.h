// SPDX-License-Identifier: Apache-2.0
//
// Replies: RFC 5321 section 4.2, with enhanced status codes (RFC 2034, RFC 3463).
//
// Server side: one table of everything we say by ourselves, in sentences that tell a
// stranger nothing.  Client side: a parser that is fed bytes as they come and is
// bounded, since a peer may say anything for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace smtp {

struct Reply {
  int code = 0;          // 200 to 599
  std::string enhanced;  // "2.1.5"; empty: none
  std::string text;      // lines separated by LF, no codes; mail logs show LF as "\n"

  bool positive() const { return code >= 200 && code < 400; }
  bool completed() const { return code >= 200 && code < 300; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500; }

  bool operator==(const Reply&) const = default;
};

// The reply on the wire, "250-2.1.0 one CRLF 250 2.1.0 two CRLF".  Control bytes in the
// text, which may have come from elsewhere, become question marks.
void append_reply(std::string& out, const Reply& reply);
std::string format_reply(const Reply& reply);

// As a mail log shows it: the wire form with "\n" text for inner line ends.
std::string reply_for_log(const Reply& reply);

// What we say by ourselves, in one table (reply.cc).
enum class Standard : std::uint8_t {
  ok,                        // 250
  sender_ok,                 // 250 2.1.0
  recipient_ok,              // 250 2.1.5
  accepted,                  // 250 2.0.0, after the dot; the receiver adds "id=..."
  start_content,             // 354
  closing,                   // 221
  help,                      // 214
  cannot_verify,             // 252, to VRFY and EXPN
  start_tls,                 // 220 2.0.0: the handshake follows
  xclient_taken,             // 220 2.0.0: EHLO is needed again
  authenticated,             // 235 2.7.0
  unknown_command,           // 500 5.5.1
  line_too_long,             // 500 5.5.2
  bad_syntax,                // 501 5.5.2
  bad_parameter,             // 501 5.5.4
  unknown_parameter,         // 555 5.5.4, also for one that was not offered
  bad_sender,                // 501 5.1.7
  bad_recipient,             // 501 5.1.3
  need_smtputf8,             // 553 5.6.7
  bad_hello,                 // 501 5.5.2
  need_hello,                // 503 5.5.1
  have_sender,               // 503 5.5.1
  need_sender,               // 503 5.5.1
  need_recipient,            // 503 5.5.1
  not_offered,               // 503 5.5.1: STARTTLS, AUTH or BDAT that EHLO did not list
  in_transaction,            // 503 5.5.1: AUTH or XCLIENT behind MAIL
  need_bdat,                 // 503 5.5.1: between chunks, or BODY=BINARYMIME
  need_data,                 // 503 5.5.1: BDAT behind a DATA that was refused
  need_reset,                // 503 5.5.1: a chunk was refused
  empty_chunk,               // 504 5.5.4
  tls_active,                // 503 5.5.1
  tls_unavailable,           // 454 4.7.0
  tls_failed,                // 554 5.7.0, to everything but QUIT
  need_tls,                  // 530 5.7.0
  already_authenticated,     // 503 5.5.1
  need_authentication,       // 530 5.7.0
  bad_credentials,           // 535 5.7.8
  password_expired,          // 535 5.7.12
  user_disabled,             // 535 5.7.13
  authentication_cancelled,  // 501 5.7.0
  bad_base64,                // 501 5.5.2
  initial_response_unexpected,  // 553 5.5.4
  unknown_mechanism,            // 504 5.5.4
  authentication_unavailable,   // 454 4.7.0
  xclient_refused,              // 550 5.7.1
  refused,                      // 550 5.7.1: by an ACL that says no more
  refused_for_now,              // 451 4.7.1: the same
  no_service,                   // 554 5.7.1
  cannot_expand,                // 550 5.7.1, to EXPN
  etrn_refused,                 // 458 4.7.1
  out_of_sync,                  // 554 5.5.0, and the connection closes
  too_many_errors,              // 421 4.7.0, and the connection closes
  too_many_nonmail,             // 554 5.7.0, and the connection closes
  too_many_recipients,          // 452 4.5.3
  recipient_limit,              // 552 5.5.3, with recipients_max_reject
  over_recipient_limit,         // 554 5.5.3, to the DATA behind it
  too_many_connections,         // 421 4.3.2
  too_many_messages,            // 421 4.7.0
  shutting_down,                // 421 4.3.2
  command_timeout,              // 421 4.4.2
  data_timeout,                 // 421 4.4.2
  lost_input,                   // 421 4.4.2
  message_too_big,              // 552 5.3.4
  headers_too_big,              // 552 5.3.4
  bad_line_endings,             // 550 5.6.0
  bad_first_line,               // 552 5.6.0: of BDAT, without CRLF
  cannot_require_tls,           // 550 5.7.30
  no_space,                     // 452 4.3.1
  local_trouble,                // 451 4.3.0
  relay_refused,                // 550 5.7.1
};
Reply standard(Standard what);

// 250 "<size> byte chunk received".
Reply chunk_received(std::uint64_t size);

// 220 "<hostname> ESMTP <text>".
Reply greeting(std::string_view hostname, std::string_view text);

// Collects one reply at a time from a stream of bytes.
class ReplyParser {
 public:
  static constexpr std::size_t kLongestLine = 4096;  // RFC 5321 says 512; be generous
  static constexpr std::size_t kMostLines = 200;

  // Takes bytes off the front of `bytes` until a reply is complete or there are no
  // more.  Code::syntax if this is not SMTP: the connection is of no more use.
  base::Result<std::optional<Reply>> feed(std::string_view& bytes);

  // True between the first byte and the last of a reply.
  bool midway() const { return !line_.empty() || lines_ > 0; }

 private:
  base::Result<bool> take_line(std::string_view line);  // true: it was the last

  std::string line_;  // an incomplete line
  Reply reply_;
  std::size_t lines_ = 0;
};

}  // namespace smtp
