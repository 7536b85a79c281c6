// SPDX-License-Identifier: Apache-2.0
//
// The messages that could not be dealt with, while the rest of the queue was.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace base {

class Failures {
 public:
  // Prints the error at once, as "bobbin-TOOL: place: what", and remembers that it was.
  void add(const Error& error);

  std::size_t count() const { return count_; }

  // Code::partial if anything was added: exit status 1.
  Result<void> result() const;

 private:
  std::size_t count_ = 0;
};

// "bobbin-TOOL: text" on stderr, mail's bytes escaped.  One write, so that lines of
// several threads and processes do not mix.
void complain(std::string_view text);

// The name before the colon.  Set once by tool_main.
void set_program_name(std::string_view name);
std::string_view program_name();

}  // namespace base
