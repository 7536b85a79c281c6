// SPDX-License-Identifier: Apache-2.0
//
// Perl-compatible regular expressions (PCRE2, JIT), over bytes and with bounds on work,
// so that no pattern of an operator's and no text of a stranger's can stop a program.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

class Regex {
 public:
  enum class Case { sensitive, insensitive };

  // Code::usage with PCRE2's message and the offset in the pattern; `offset` gets that
  // too.
  static Result<Regex> compile(std::string_view pattern, Case letters = Case::sensitive,
                               std::size_t* offset = nullptr);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // True if the pattern matches anywhere in `text`.  A match that would take too much
  // work counts as none.  Safe from any thread.
  bool matches(std::string_view text) const;

  // Where to look: from `offset` on, which what is before it may still be looked back
  // at.  `here_not_empty`: only at the offset itself, and only if it takes a byte, as
  // replacing all matches needs it after an empty one.
  struct From {
    std::size_t offset = 0;
    bool here_not_empty = false;
  };
  // How many groups the first match has, the whole match included; 0 if there is none.
  // `groups` gets as many as it has room for, views into `text`; those that took no
  // part, and those behind the last, are empty with a null data().  Code::permanent if
  // a limit of work, depth or memory is reached.  Safe from any thread.
  Result<std::size_t> match(std::string_view text, std::span<std::string_view> groups,
                            From from) const;
  Result<std::size_t> match(std::string_view text,
                            std::span<std::string_view> groups) const {
    return match(text, groups, From());
  }

 private:
  struct Compiled;
  explicit Regex(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
};

}  // namespace base
