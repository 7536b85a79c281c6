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

TEST(SmarthostPolicy, KeepsWhatAReceiverNeedsAndNoWayOfMail) {
  auto text = qrunner::smarthost_policy(
      "relay.example",
      "acl_smtp_rcpt = rcpt\n"
      "begin routers\nmine:\n  driver = accept\n  transport = box\n"
      "begin acl\nrcpt:\n  accept\n"
      "  BEGIN Transports\nbox:\n  driver = appendfile\n"
      "begin retry\n*  *  F,1d,1h\n"
      "begin authenticators");
  ASSERT_TRUE(text) << text.error().text;
  EXPECT_TRUE(
      text->starts_with("acl_smtp_rcpt = rcpt\n"
                        "begin acl\nrcpt:\n  accept\n"
                        "begin authenticators\n"))
      << *text;
  EXPECT_FALSE(text->contains("mine:"));
  EXPECT_FALSE(text->contains("box"));
  EXPECT_FALSE(text->contains("F,1d,1h"));
  EXPECT_TRUE(text->contains("relay.example"));
}

}  // namespace
