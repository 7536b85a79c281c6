// SPDX-License-Identifier: Apache-2.0
//
// Retry records as exim_dumpdb prints those of Exim's retry database (Exim manual,
// "Exim utilities"): two lines a record, times in the local zone.
//
//     T:mx.example:192.0.2.1 111 77 Connection refused
//   21-Nov-2026 20:44:47  21-Nov-2026 20:44:47  21-Nov-2026 20:59:47 *
//
// Such a text has no enhanced code, no number of tries and no fractions of seconds, and
// a reply's code only where it was a 4xx to MAIL, RCPT, DATA or the dot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hints/retry_record.h"

namespace utils {

struct KeyedRecord {
  std::string key;
  hints::RetryRecord record;
};

std::string format_retry_dump(std::string_view key, const hints::RetryRecord& record);

// Keys of an Exim before 4.98, which leaves the brackets out, get them.  Code::syntax
// naming the line.
base::Result<std::vector<KeyedRecord>> parse_retry_dump(std::string_view text);

}  // namespace utils
