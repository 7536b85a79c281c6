// SPDX-License-Identifier: Apache-2.0
//
// Addresses in header fields: phrases, comments, source routes, groups
// (spec/policy.md section 6; RFC 5322 section 3.4, its obsolete forms included).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace policy {

struct MailAddress {
  std::string local_part;  // as written, quotes too; comments and blanks removed
  std::string domain;      // empty: none was given

  bool empty() const { return local_part.empty(); }  // "<>"
  std::string text() const;
};

// The one address in `text`; "<>" is an empty one.  Code::syntax says why not.
base::Result<MailAddress> parse_mail_address(std::string_view text);

// Is there nothing in `text` but white space and comments?
bool is_comment_only(std::string_view text);

// All addresses of a field's value: members of groups too, what does not parse left
// out.
std::vector<MailAddress> parse_mail_addresses(std::string_view text);

// An address of an envelope at its last '@': the local part without its quotes, the
// domain in small letters, empty if there is none.
struct AddressParts {
  std::string local_part, domain;
};
AddressParts take_apart(std::string_view address);

}  // namespace policy
