// SPDX-License-Identifier: Apache-2.0
//
// The text of a message as its reader sees it: the decoded subject and the beginning of
// each text part, in UTF-8 (RFC 2045, 2046, 2047).
//
// Strangers write messages, so nothing here can fail: what follows no rule is text.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

namespace receiver {

// Calls `take` with one piece after another; different parts come in different calls.
// Of each text part at most `limit` encoded bytes are read.
void read_mail_text(std::string_view message, std::size_t limit,
                    const std::function<void(std::string_view)>& take);

}  // namespace receiver
