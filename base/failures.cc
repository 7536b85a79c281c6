// SPDX-License-Identifier: Apache-2.0
#include "base/failures.h"

#include <unistd.h>

#include <string>

#include "base/fd.h"
#include "base/text.h"

namespace base {

namespace {
// The one global: who speaks on stderr is a fact of the process, like its pid.
std::string& name_storage() {
  static std::string name = "bobbin";
  return name;
}
}  // namespace

void set_program_name(std::string_view name) {
  name_storage() = name;
}
std::string_view program_name() {
  return name_storage();
}

void complain(std::string_view text) {
  std::string line = name_storage() + ": " + printable(text) + "\n";
  (void)write_all(STDERR_FILENO, line, "stderr");
}

void Failures::add(const Error& error) {
  ++count_;
  complain(error.text);
}

Result<void> Failures::result() const {
  if (count_ == 0) return {};
  return fail(Code::partial, "");
}

}  // namespace base
