// SPDX-License-Identifier: Apache-2.0
#include "base/failures.h"

#include <gtest/gtest.h>

using base::Code;
using base::Failures;

TEST(Failures, TellEachAtOnceAndTheirNumberAtTheEnd) {
  Failures failures;
  EXPECT_TRUE(failures.result());
  base::set_program_name("bobbin-try");
  testing::internal::CaptureStderr();
  failures.add({Code::syntax, "1xUYvJ-0004Zg-2C-H: line 4: bad \x1b[31mtime"});
  failures.add({Code::locked, "other: locked"});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "bobbin-try: 1xUYvJ-0004Zg-2C-H: line 4: bad \\033[31mtime\n"
            "bobbin-try: other: locked\n");
  EXPECT_EQ(failures.count(), 2U);
  ASSERT_FALSE(failures.result());
  EXPECT_EQ(failures.result().error().code, Code::partial);
}
