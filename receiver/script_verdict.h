// SPDX-License-Identifier: Apache-2.0
//
// What a DATA-stage script says, from how it ended and what it wrote
// (spec/smtp-features.md 13.3).
//
// The exit status is the verdict; the JSON object on its standard output may only add
// to it.  Whatever does not fit together is an error of the script, and its list says
// what that means.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "receiver/facts.h"
#include "receiver/script_config.h"
#include "smtp/reply.h"

namespace receiver {

// How a script ended, as the launcher saw it.
struct ScriptExit {
  int status = 0;          // of exit(3); -1: it was not that
  int signal = 0;          // that ended it; 0: none
  bool timed_out = false;  // and was ended for that
  bool too_much = false;   // wrote more than kLargestOutput
  std::string output;      // standard output
  std::string errors;      // the start of standard error
  std::chrono::milliseconds took{};
  std::string trouble;  // it was not run at all, for this reason

  static constexpr std::size_t kLargestOutput = 65536;
  static constexpr std::size_t kLargestErrors = 4096;
};

struct ScriptVerdict {
  enum class Kind { pass, stop, fail, error };
  Kind kind = Kind::error;
  bool keep = false;                     // FAIL_KEEP
  smtp::Reply reply;                     // of fail and error
  std::string why;                       // of error: for the log
  std::string log;                       // what the script wants logged
  std::string errors;                    // the start of its standard error
  std::vector<std::string> headers_add;  // "Name: value", one line each, no line end
  AclVariables vars;                     // "acl_m_x"
  std::string keep_tag;
};

ScriptVerdict judge_script(const Script& script, const ScriptExit& exit);

// "PASS", "FAIL", "FAIL_KEEP", "ERROR": for logs and `previous`.
std::string_view verdict_name(const ScriptVerdict& verdict);

}  // namespace receiver
