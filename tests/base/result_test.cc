// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

using base::Code;
using base::Error;
using base::Result;

namespace {

Result<int> half(int number) {
  if (number % 2) return base::fail(Code::syntax, std::to_string(number) + " is odd");
  return number / 2;
}

Result<int> quarter(int number) {
  int first = TRY(half(number));
  return TRY(half(first));
}

Result<void> check_quarter(int number) {
  (void)TRY(quarter(number));
  return {};
}

}  // namespace

TEST(Result, TryUnwrapsOrReturnsTheError) {
  EXPECT_EQ(quarter(12), 3);
  EXPECT_EQ(quarter(10).error().text, "5 is odd");
  EXPECT_TRUE(check_quarter(8));
  EXPECT_EQ(check_quarter(3).error().code, Code::syntax);
}

TEST(Result, PlacesAreNamedOutermostFirst) {
  Error error = base::at("file", base::at("line 4", {Code::syntax, "bad time"}));
  EXPECT_EQ(error.text, "file: line 4: bad time");
  EXPECT_EQ(error.code, Code::syntax);
}

TEST(Result, ErrnoTellsWhatTheCallerCanDo) {
  struct Row {
    int error_number;
    Code code;
  };
  for (auto [error_number, code] : {
           Row{ENOENT, Code::not_found},
           Row{ENOTDIR, Code::not_found},
           Row{EACCES, Code::permanent},
           Row{ELOOP, Code::permanent},
           Row{EISDIR, Code::permanent},
           Row{EMFILE, Code::temporary},
           Row{EAGAIN, Code::temporary},
           Row{ENOSPC, Code::no_space},
           Row{EIO, Code::disk},
           Row{EROFS, Code::disk},
       }) {
    Error error = base::system_error("/x", error_number);
    EXPECT_EQ(error.code, code) << error.text;
    EXPECT_TRUE(error.text.starts_with("/x: ")) << error.text;
  }
}

TEST(Result, ExitStatusesAreThoseOfSysexits) {
  struct Row {
    Code code;
    int status;
  };
  for (auto [code, status] : {
           Row{Code::partial, 1},
           Row{Code::usage, 64},
           Row{Code::syntax, 65},
           Row{Code::not_found, 66},
           Row{Code::permanent, 69},
           Row{Code::disk, 74},
           Row{Code::no_space, 74},
           Row{Code::temporary, 75},
           Row{Code::locked, 75},
           Row{Code::config, 78},
       })
    EXPECT_EQ(base::exit_status(code), status);
}
