// SPDX-License-Identifier: Apache-2.0
//
// What a client hears of an ACL (spec/policy.md 10.3; RFC 5321 section 4.2, RFC 3463).
#pragma once

#include <string>
#include <string_view>

#include "policy/acl.h"
#include "policy/phase.h"

namespace policy {

// "550 5.7.1 go away", taken apart.
struct CodedText {
  std::string code, enhanced;  // empty: none was written, or one of the wrong class
  std::string text;
  bool wrong_class = false;  // the code did not begin with the digit expected
};
CodedText take_code(std::string_view message, char first_digit);

// The text of a reply in lines, separated by LF: newlines count, blanks after them do
// not, and lines of more than 75 bytes are broken at blanks, behind a colon if there is
// one in the second half.
std::string wrap_reply(std::string_view text);

// The code of an acceptance and of a refusal: 250 and 550 but for a few points.
std::string_view acceptance_code(Phase phase);
std::string_view refusal_code(Phase phase);

struct AclReply {
  std::string code, enhanced;
  std::string text;  // lines separated by LF; empty: the server's own words
  bool close = false;
};
AclReply reply_to(Phase phase, const AclResult& result);

}  // namespace policy
