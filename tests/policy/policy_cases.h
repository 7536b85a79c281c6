// SPDX-License-Identifier: Apache-2.0
//
// Reading the case sets of the policy language (formats: conformance/policy/README.md).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace cases {

std::string slurp(const std::filesystem::path& path);
void spill(const std::filesystem::path& path, std::string_view text);
std::vector<std::string> split(const std::string& text, char separator);
// "@{hh}" is a byte.
std::string decoded(const std::string& text);
std::string replaced(std::string text, const std::map<std::string, std::string>& words);

// As `bobbin policy` loads it, as "policy.conf".
policy::Loaded load(const std::string& text);
// A folder's policy.conf with its placeholders replaced.
policy::Loaded load_case(const std::filesystem::path& folder);
// The lines of a file that begin with `letter` and a blank, without these.
std::vector<std::string> lines_of(const std::filesystem::path& file, char letter);

}  // namespace cases
