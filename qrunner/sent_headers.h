// SPDX-License-Identifier: Apache-2.0
//
// The header lines as they leave: those of -H but for what was removed, and what
// routers and transports add and take away (Exim manual, options headers_add and
// headers_remove).
#pragma once

#include <string>
#include <vector>

#include "spoolfmt/h_file.h"

namespace qrunner {

struct HeaderChanges {
  std::vector<std::string> add;     // whole lines, without the last newline
  std::vector<std::string> remove;  // "name:name", a trailing * stands for anything

  bool operator==(const HeaderChanges&) const = default;
};

// Each line with its newline, and the blank line behind them.
std::string sent_headers(const spoolfmt::HFile& file, const HeaderChanges& changes);

}  // namespace qrunner
