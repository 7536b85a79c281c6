// SPDX-License-Identifier: Apache-2.0
#include "qrunner/storm_brake.h"

#include "policy/mail_address.h"

namespace qrunner {

StormBrake::Answer StormBrake::ask(std::string_view address) {
  if (limit_ == 0) return Answer::go;
  std::lock_guard guard(mutex_);
  std::uint64_t& asked = asked_[policy::take_apart(address).domain];
  if (asked < limit_) {
    ++asked;
    return Answer::go;
  }
  return asked++ == limit_ ? Answer::hold_and_tell : Answer::hold;
}

std::string StormBrake::log_line(std::string_view address, std::uint64_t limit) {
  return "more than " + std::to_string(limit) + " bounces to " +
         policy::take_apart(address).domain +
         " in this run: the rest wait for the next one";
}

}  // namespace qrunner
