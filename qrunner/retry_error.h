// SPDX-License-Identifier: Apache-2.0
//
// From what happened at a stage of a delivery to what the retry rules call it, and to
// the item that has to wait (Exim manual, "Retry rules for specific errors"; RFC 5321
// section 4.5.4.1; spec/queue-run.md 6.1, 7.1).
#pragma once

#include <cstdint>
#include <string>

#include "hints/retry_record.h"
#include "policy/retry.h"
#include "smtp/reply.h"

namespace qrunner {

// What a key of hints/retry_key.h stands for.
enum class RetryItem : std::uint8_t {
  host,     // T:host:ip, for everybody who goes there
  message,  // T:host:ip:id, this message there
  domain,   // R:domain
  address,  // R:address, R:address:<sender>
  local,    // T:address and its like
};

// Where a delivery stood when it failed.
enum class Stage : std::uint8_t {
  connect,
  greeting,
  hello,
  tls,
  auth,
  mail,
  rcpt,
  data,
  dot,  // from the last byte of the message on
};

// `route`: 'M' if the host came from MX records, 'A' if not.  `text` as the log has it.
//
// The server said no, for now or for good.
hints::Failure refusal(Stage stage, const smtp::Reply& reply, char route,
                       std::string text);
// An errno, or one of the numbers in hints/retry_record.h.
hints::Failure trouble(Stage stage, std::int32_t error, char route, std::string text);

// Who waits: the host, this message there, or the recipient.  421 says that the host
// wants nobody now, but behind the dot it is an answer to the message.
RetryItem item_that_waits(Stage stage, const hints::Failure& failure);

// Kind::any: none that has a word, so that only rules for all errors apply.
policy::RetryError retry_error(const hints::Failure& failure);

}  // namespace qrunner
