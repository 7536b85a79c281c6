// SPDX-License-Identifier: Apache-2.0
//
// Encoded words in header fields, =?charset?Q?text?= (RFC 2047; spec/policy.md sections
// 4.3 and 6).
//
// What does not follow the RFC stays as it is: headers are written by strangers, and
// reading one cannot fail.
#pragma once

#include <string>
#include <string_view>

namespace policy {

// `text` with its encoded words decoded and converted to `charset`, by iconv; with an
// empty charset ($bh_) they are decoded only.  The longest word allowed is 75
// characters, unless `any_length` (check_rfc2047_length is off).
std::string decode_mime_words(std::string_view text, std::string_view charset,
                              bool any_length = false);

// `text`, which is in `charset`, as encoded words if it has a byte that needs them.
std::string encode_mime_words(std::string_view text, std::string_view charset);

// `bytes` of a charset as UTF-8, '?' for what means nothing there; as they are if
// nobody knows the charset.
std::string to_utf8(std::string bytes, std::string_view charset);

}  // namespace policy
