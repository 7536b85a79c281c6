// SPDX-License-Identifier: Apache-2.0
//
// Perl-compatible regular expressions (PCRE2, JIT), over bytes and with bounds on work,
// so that no pattern of an operator's and no text of a stranger's can stop a program.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

class Regex {
 public:
  enum class Case { sensitive, insensitive };

  // Code::usage with PCRE2's message and the offset in the pattern.
  static Result<Regex> compile(std::string_view pattern,
                               Case letters = Case::sensitive);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // True if the pattern matches anywhere in `text`.  A match that would take too much
  // work counts as none.  Safe from any thread.
  bool matches(std::string_view text) const;

 private:
  struct Compiled;
  explicit Regex(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
};

}  // namespace base
