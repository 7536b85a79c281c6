// SPDX-License-Identifier: Apache-2.0
//
// A message in words, for whoever wonders what Exim's files say, and in full as JSON.
//
// The meaning of each option line is from the Exim manual, "Format of spool files", and
// man/spoolfmt.5.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "spoolfmt/queued.h"
#include "utils/print.h"

namespace utils {

// Who sent it when and how large it is, the option lines with their meaning, the names
// done with, and the recipients.
void explain_envelope(std::string& out, const spoolfmt::Queued& queued,
                      const std::filesystem::path& directory, base::Time now,
                      const Screen& screen);

// The header lines, each after its type letter; those never sent are marked.
void explain_headers(std::string& out, const spoolfmt::Queued& queued,
                     const Screen& screen);

// What an option line of that name tells; empty for one we do not know.
std::string_view option_meaning(std::string_view name);

// One line of JSON with all there is to know (bobbin-dump(1), JSON).
void append_document(std::string& out, const spoolfmt::Queued& queued);

// Lines of mail for that screen: line ends stay, all else as shown().
std::string shown_lines(std::string_view mail, const Screen& screen);

}  // namespace utils
