// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace base {

namespace {

Code code_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return Code::not_found;
    case EAGAIN:
    case EINTR:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ETIMEDOUT:
      return Code::temporary;
    case EACCES:
    case EPERM:
    case ELOOP:
    case EISDIR:
    case ECONNREFUSED:
    case EADDRINUSE:
    case EADDRNOTAVAIL:
      return Code::permanent;
    case ENOSPC:
    case EDQUOT:
      return Code::no_space;
    default:
      return Code::disk;
  }
}

}  // namespace

Error system_error(std::string_view place, int error_number) {
  return {code_of(error_number),
          std::string(place) + ": " + std::generic_category().message(error_number)};
}

int exit_status(Code code) {
  switch (code) {
    case Code::partial:
      return 1;
    case Code::usage:
      return 64;
    case Code::syntax:
      return 65;
    case Code::not_found:
      return 66;
    case Code::permanent:
      return 69;
    case Code::disk:
    case Code::no_space:
      return 74;
    case Code::locked:
    case Code::temporary:
      return 75;
    case Code::config:
      return 78;
  }
  return 70;
}

}  // namespace base
