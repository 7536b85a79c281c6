// SPDX-License-Identifier: Apache-2.0
//
// What a report says to people: its subject and its first part.
//
// For somebody who sent a mail and knows nothing of mail servers: what happened, to
// whom, in the words of the server that said so, and what can be done about it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "qrunner/dsn.h"
#include "qrunner/report_field.h"

namespace qrunner {

// "Mail delivery failed: returning message to sender"
std::string report_subject(ReportKind kind, const ReportedMessage& message,
                           const std::string& to, std::chrono::seconds delay);

// Lines of less than 80 bytes, as far as words allow.
std::string report_words(ReportKind kind, const ReportedMessage& message,
                         const std::vector<Reported>& recipients,
                         const DsnSettings& settings, const ReportTexts& texts,
                         std::chrono::seconds delay, Letters letters);

// "4 hours"; under two hours "90 minutes".
std::string delay_words(std::chrono::seconds delay);

}  // namespace qrunner
