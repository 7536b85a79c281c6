// SPDX-License-Identifier: Apache-2.0
//
// The reference of the policy language, man/bobbin-language.7, written from the tables
// that the parsers use: so it has every word they know and no other.
#pragma once

#include <string>

namespace utils {

// The whole page, mdoc(7).
std::string language_reference();

}  // namespace utils
