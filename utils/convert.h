// SPDX-License-Identifier: Apache-2.0
//
// From an Exim configuration to a policy that loads: what is not part of the language
// is commented out, the smallest piece that can go without letting more mail through.
//
// A policy tells everything that is wrong with it, so the conversion is a loop: load,
// take out what the errors point at, load again.  Options go alone; a router or
// transport that loses what it decides by goes as a whole, and so does an ACL statement
// that loses a condition.  What refers to it follows in the next round.  All else, the
// macros, conditional parts and comments, stays as it was written.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace utils {

// One piece that was left out.
struct Change {
  std::uint32_t line = 0;   // where it begins, from 1
  std::string what;         // "router 'procmail'"
  std::string why;          // what the policy language says of it
  std::string consequence;  // and what to do about it
};

struct Conversion {
  std::string text;             // the policy; each piece left out as comments
  std::vector<Change> changes;  // in the order of the lines
  policy::Loaded loaded;        // the policy, or the errors that nothing helped against
};

// How a main file of some text is read.
struct Reading {
  std::function<policy::Lines(std::string_view)> lines;
  std::function<policy::Loaded(std::string_view)> load;
};
Conversion convert(std::string_view text, const Reading& reading);

}  // namespace utils
