// SPDX-License-Identifier: Apache-2.0
#include "smtp/breakdown.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace smtp {
namespace {

using Kind = Breakdown::Kind;

// spec/queue-run.md 7.3: what exigrep and eximstats know.
TEST(Breakdown, SpeaksAsEximsLogsDo) {
  struct Row {
    Breakdown breakdown;
    std::string text;
    base::Code code = base::Code::temporary;
  };
  const Row rows[] = {
      {{.kind = Kind::unreachable, .system_error = ECONNREFUSED}, "Connection refused"},
      {{.kind = Kind::timeout, .stage = "EHLO me"}, "SMTP timeout after EHLO me"},
      {{.kind = Kind::timeout, .stage = "sending data block", .written = 77},
       "SMTP timeout after sending data block (77 bytes written)"},
      {{.kind = Kind::closed, .stage = "pipelined MAIL FROM:<a@b>"},
       "Remote host closed connection in response to pipelined MAIL FROM:<a@b>"},
      {{.kind = Kind::failed, .system_error = ENETDOWN}, "Network is down"},
      {{.kind = Kind::malformed, .stage = "DATA", .detail = "hm"},
       "Malformed SMTP reply in response to DATA: hm"},
      {{.kind = Kind::refused,
        .stage = "initial connection",
        .reply = Reply{554, "5.7.1", "go\naway"}},
       "SMTP error from remote mail server after initial connection: "
       "554-5.7.1 go\\n554 5.7.1 away",
       base::Code::permanent},
      {{.kind = Kind::refused, .stage = "EHLO me", .reply = Reply{421, "", "busy"}},
       "SMTP error from remote mail server after EHLO me: 421 busy"},
      {{.kind = Kind::tls_required, .detail = "the server does not offer it"},
       "TLS is required: the server does not offer it"},
      {{.kind = Kind::tls_required, .stage = "STARTTLS", .reply = Reply{454, "", "no"}},
       "TLS is required: SMTP error from remote mail server after STARTTLS: 454 no"},
      {{.kind = Kind::tls_failed, .detail = "no shared cipher"},
       "TLS handshake failed: no shared cipher"},
      {{.kind = Kind::auth_failed,
        .stage = "AUTH PLAIN",
        .reply = Reply{535, "", "no"}},
       "authentication failed: SMTP error from remote mail server after AUTH PLAIN: "
       "535 no",
       base::Code::permanent},
      {{.detail = "reading the body: no such file"},
       "reading the body: no such file",
       base::Code::permanent},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.breakdown.text(), row.text);
    EXPECT_EQ(row.breakdown.code(), row.code) << row.text;
  }
}

}  // namespace
}  // namespace smtp
