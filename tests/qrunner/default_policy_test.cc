// SPDX-License-Identifier: Apache-2.0
#include "qrunner/default_policy.h"

#include <gtest/gtest.h>

#include "base/fd.h"
#include "tests/support/cases.h"

namespace {

TEST(DefaultPolicy, IsWhatTheManualPrints) {
  auto page = base::read_file(support::source_dir() / "man/bobbin-run.8");
  ASSERT_TRUE(page) << page.error().text;
  EXPECT_NE(page->find(qrunner::default_policy()), std::string::npos);
}

}  // namespace
