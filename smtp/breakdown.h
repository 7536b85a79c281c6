// SPDX-License-Identifier: Apache-2.0
//
// Why a conversation with a server ended before its time, and after which command.
//
// A refusal that concerns one message or recipient is none of these: the conversation
// goes on, and smtp::Outcome has it.  The words are those of Exim's logs, which readers
// of logs count by: no colon is followed by a blank before the server's own words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "smtp/reply.h"

namespace smtp {

struct Breakdown {
  enum class Kind : std::uint8_t {
    local,        // our own fault: settings, an envelope or content that cannot be sent
    unreachable,  // no connection came about, see system_error
    timeout,      //
    closed,       // by the server; ECONNRESET is one, too
    failed,       // the system's fault, see system_error
    malformed,    // what the server said, in `detail`, is no reply that could be
    refused,      // `reply`: to greeting, EHLO, RSET; or 421 to anything
    tls_required,  // but not offered, or STARTTLS was refused with `reply`
    tls_failed,    // handshake or certificate; another connection may go without TLS
    auth_failed,   // refused with `reply`, or no mechanism of ours is offered
  };
  Kind kind = Kind::local;
  std::string stage = {};  // "initial connection", "EHLO me", "pipelined MAIL FROM:<s>"
  std::string detail = {};
  int system_error = 0;  // errno
  std::optional<Reply> reply = {};
  std::uint64_t written = 0;  // octets of content, if a time-out cut them short

  // One line: "Remote host closed connection in response to EHLO me".  Of `unreachable`
  // and `failed` the system's text alone.
  std::string text() const;
  // Code::permanent where the server said 5xx, or we cannot; else Code::temporary.
  base::Code code() const;
};

}  // namespace smtp
