// SPDX-License-Identifier: Apache-2.0
#include "policy/parsing.h"

#include <gtest/gtest.h>

namespace {

using policy::did_you_mean;

TEST(DidYouMean, OffersTheNearestNameIfItIsNear) {
  const std::vector<std::string_view> known = {"domains", "hosts", "senders",
                                               "condition"};
  EXPECT_EQ(did_you_mean("domain", known), "; did you mean 'domains'?");
  EXPECT_EQ(did_you_mean("doamins", known), "; did you mean 'domains'?");
  EXPECT_EQ(did_you_mean("conditoin", known), "; did you mean 'condition'?");
  EXPECT_EQ(did_you_mean("encrypted", known), "");
  EXPECT_EQ(did_you_mean("x", known), "");
  EXPECT_EQ(did_you_mean("", known), "");
  EXPECT_EQ(did_you_mean(std::string(1000, 'd'), known), "");
}

TEST(Diagnostics, EndWhenNobodyWouldReadOn) {
  policy::Diagnostics diagnostics;
  for (int i = 0; i < 1000; ++i) {
    diagnostics.error({}, "wrong");
    diagnostics.warning({}, "odd");
  }
  EXPECT_EQ(diagnostics.errors.size(), policy::Diagnostics::kMost);
  EXPECT_EQ(diagnostics.more_errors, 1000 - policy::Diagnostics::kMost);
  EXPECT_EQ(diagnostics.warnings.size(), policy::Diagnostics::kMost);
}

struct NeedRow {
  std::string_view claim;
  policy::Phases program;
  std::optional<policy::Id> acl;
  policy::Phases here;
  bool complains;
};

TEST(Need, IsJudgedWhereTheProgramEvaluates) {
  using enum policy::Phase;
  const NeedRow rows[] = {
      {"in an ACL of a receiver", {mail, rcpt}, 0, {other}, true},
      {"in an ACL that a runner never runs", {router, transport}, 0, {other}, false},
      {"in a router of a runner", {router, transport}, {}, {router}, true},
      {"in a router that a receiver never asks", {mail, rcpt}, {}, {router}, false},
  };
  for (const NeedRow& row : rows) {
    policy::Symbols symbols;
    policy::Program program{.name = "receive", .phases = row.program};
    policy::Diagnostics diagnostics;
    policy::Parsing parsing{
        .symbols = symbols, .program = program, .diagnostics = diagnostics};
    parsing.acl = row.acl;
    parsing.phases = row.here;
    parsing.need(policy::Feature::none, "condition 'x'", {});
    EXPECT_TRUE(diagnostics.errors.empty()) << row.claim;
    parsing.need(policy::Feature::spf, "condition 'spf'", {});
    ASSERT_EQ(!diagnostics.errors.empty(), row.complains) << row.claim;
    if (row.complains) {
      EXPECT_EQ(
          diagnostics.errors[0].text,
          "condition 'spf' is not available in this program (receive has no spf)");
    }
  }
}

}  // namespace
