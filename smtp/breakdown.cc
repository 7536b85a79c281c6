// SPDX-License-Identifier: Apache-2.0
#include "smtp/breakdown.h"

#include <cstring>

#include "base/text.h"

namespace smtp {

namespace {

std::string error_reply(const Breakdown& breakdown) {
  return "SMTP error from remote mail server after " + breakdown.stage + ": " +
         reply_for_log(*breakdown.reply);
}

// What the server said, or else what we know.
std::string why(const Breakdown& breakdown) {
  return breakdown.reply ? error_reply(breakdown) : breakdown.detail;
}

}  // namespace

std::string Breakdown::text() const {
  switch (kind) {
    case Kind::local:
      return detail;
    case Kind::unreachable:
    case Kind::failed:
      return std::strerror(system_error);
    case Kind::timeout:
      return "SMTP timeout after " + stage +
             (written > 0 ? " (" + std::to_string(written) + " bytes written)" : "");
    case Kind::closed:
      return "Remote host closed connection in response to " + stage;
    case Kind::malformed:
      return "Malformed SMTP reply in response to " + stage + ": " + detail;
    case Kind::refused:
      return error_reply(*this);
    case Kind::tls_required:
      return "TLS is required: " + why(*this);
    case Kind::tls_failed:
      return "TLS handshake failed: " + detail;
    case Kind::auth_failed:
      return "authentication failed: " + why(*this);
  }
  return {};
}

base::Code Breakdown::code() const {
  const bool permanent = reply ? reply->permanent() : kind == Kind::local;
  return permanent ? base::Code::permanent : base::Code::temporary;
}

}  // namespace smtp
