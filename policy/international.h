// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 in addresses and texts: repairs, Latin-1, and IDNA through libidn2
// (spec/policy.md section 6; RFC 3629, RFC 5891, RFC 6531).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace policy {

// Each malformed sequence becomes one '?'.
std::string clean_utf8(std::string_view text);
// What Latin-1 does not have becomes '_'.
std::string utf8_to_latin1(std::string_view text);

// Code::syntax with the library's reason.
base::Result<std::string> domain_to_alabel(std::string_view domain);
base::Result<std::string> domain_from_alabel(std::string_view domain);
base::Result<std::string> localpart_to_alabel(std::string_view local_part);
base::Result<std::string> localpart_from_alabel(std::string_view local_part);

}  // namespace policy
