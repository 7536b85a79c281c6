// SPDX-License-Identifier: Apache-2.0
//
// What an evaluation can come to: a value, or one of four failures (spec/policy.md,
// D7). Every consumer says what it does with each; none of them is an exception.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "base/result.h"

namespace policy {

struct Failure {
  enum class Kind {
    forced,  // the author wrote `fail`
    defer,   // something temporary: a lookup, the DNS
    error,   // it cannot be done: a bad number, no such file
    limit,   // the budget is used up; consumers treat it as an error
  };
  Kind kind = Kind::error;
  std::string text;  // for the log; may quote data, so printed escaped
};

template <class T>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> forced_failure() {
  return std::unexpected(Failure{Failure::Kind::forced, "forced failure"});
}
inline std::unexpected<Failure> defer(std::string text) {
  return std::unexpected(Failure{Failure::Kind::defer, std::move(text)});
}
inline std::unexpected<Failure> cannot(std::string text) {
  return std::unexpected(Failure{Failure::Kind::error, std::move(text)});
}
inline std::unexpected<Failure> over_limit(std::string text) {
  return std::unexpected(Failure{Failure::Kind::limit, std::move(text)});
}

// What `base` says, as an evaluation sees it.
template <class T>
Outcome<T> outcome(base::Result<T> result) {
  if (result) return std::move(*result);
  bool later = result.error().code == base::Code::temporary;
  return std::unexpected(Failure{later ? Failure::Kind::defer : Failure::Kind::error,
                                 std::move(result.error().text)});
}

}  // namespace policy
