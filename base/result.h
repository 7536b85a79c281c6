// SPDX-License-Identifier: Apache-2.0
//
// What a file, a line or a peer can do to us, as a value.
//
// A Code says what the caller can do about it; the text says what happened, the
// outermost place first ("/var/spool/exim/input/1xUYvJ-0004Zg-2C-H: line 4: bad time").
// Exceptions are left to the peers that vanish inside a coroutine, and to bugs.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace base {

enum class Code {
  partial,    // done, but some items failed, and each was named already
  usage,      // the caller asked for something impossible
  syntax,     // bytes that do not follow their grammar
  not_found,  // no such message, file or name
  locked,     // somebody else works on it
  temporary,  // may work later: load, time-outs, an interrupted peer
  permanent,  // will not work later either: refused, unavailable
  disk,       // a write, sync or rename failed
  no_space,   // the same, because the disk or a quota is full
  config,     // the configuration is wrong
};

struct Error {
  Code code;
  std::string text;
};

template <class T>
using Result = std::expected<T, Error>;

// The failure side of a Result: `return fail(Code::syntax, "line 4: bad time");`
inline std::unexpected<Error> fail(Code code, std::string text) {
  return std::unexpected(Error{code, std::move(text)});
}

// The same error, seen from one place further out.
inline Error at(std::string_view place, Error error) {
  error.text.insert(0, std::string(place) + ": ");
  return error;
}

// What errno says about `place`.  ENOENT is not_found, EACCES and friends are
// permanent, EAGAIN and exhausted descriptors are temporary, ENOSPC and EDQUOT are
// no_space, all else is disk.
Error system_error(std::string_view place, int error_number);
inline std::unexpected<Error> system_failure(std::string_view place, int error_number) {
  return std::unexpected(system_error(place, error_number));
}

// The exit status of sysexits(3) that a tool ends with (DESIGN.md, section 5).
int exit_status(Code code);

}  // namespace base

// Unwraps a Result, or another std::expected, or returns its error from the enclosing
// function.  Not for coroutines: g++ 12 miscompiles co_await inside a statement
// expression.
#define TRY(expression)                                                     \
  __extension__({                                                           \
    auto try_result = (expression);                                         \
    if (!try_result) return std::unexpected(std::move(try_result).error()); \
    base::detail::value_of(std::move(try_result));                          \
  })

namespace base::detail {
template <class T, class E>
T value_of(std::expected<T, E>&& result) {
  return std::move(*result);
}
template <class E>
void value_of(std::expected<void, E>&&) {}
}  // namespace base::detail
