// SPDX-License-Identifier: Apache-2.0
#include "utils/expression.h"

#include <string>

namespace utils {

base::Result<void> judge(const policy::Diagnostics& diagnostics) {
  std::string complaints;
  for (const policy::Diagnostic& error : diagnostics.errors)
    complaints += (complaints.empty() ? "" : "; ") + std::string("column ") +
                  std::to_string(error.origin.column) + ": " + error.text;
  if (complaints.empty()) return {};
  return base::fail(base::Code::usage, complaints);
}

}  // namespace utils
