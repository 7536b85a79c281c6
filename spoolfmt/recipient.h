// SPDX-License-Identifier: Apache-2.0
//
// One line of a -H file's recipient list.
//
//   plain   address
//   #3      address SP orcpt SP olen "," dsnflags SP errors SP elen "," parent "#3"
//   [4.86] #1      address SP errors SP elen "," parent "#1" [to 4.85]
//
// and, read only, "#2", "address parent" (early Exim 4) and "address n,parent,n" (Exim
// 3). Lengths decide, never separators: addresses may hold spaces, commas and hashes.
// From 4.86 on Exim's own reader cuts a byte off a #1 address; we do not.
#pragma once

#include <string>
#include <string_view>

namespace spoolfmt {

// NOTIFY= of RFC 3461, as the spool stores it.
namespace dsn {
inline constexpr unsigned kNever = 2;
inline constexpr unsigned kSuccess = 4;
inline constexpr unsigned kFailure = 8;
inline constexpr unsigned kDelay = 16;
}  // namespace dsn

template <class Text>
struct BasicRecipient {
  Text address{};
  Text errors_to{};  // empty: none
  Text orcpt{};      // as received, xtext kept: "rfc822;user+2Btag@x"; empty: none
  unsigned dsn_flags = 0;  // sum of dsn::k...
  int parent = -1;         // index in the list of the one_time parent; -1: none
  bool old_form = false;   // came as #1, and goes back as #1 while that can say it all
};

using Recipient = BasicRecipient<std::string>;
using RecipientView = BasicRecipient<std::string_view>;

// `line` without its LF.  A line whose lengths and text disagree is taken as a plain
// address, whole: it goes back as it came, and nothing of it is guessed.
RecipientView parse_recipient(std::string_view line);

// Appends the line with its LF: plain if there is nothing but an address.
template <class Text>
void append_recipient(std::string& out, const BasicRecipient<Text>& recipient);

// The address with its domain in lower case: how the tree and the journal know it once
// it is done, whatever the recipient list says (Exim's "unique" form).
std::string unique_form(std::string_view address);

}  // namespace spoolfmt
