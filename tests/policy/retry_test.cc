// SPDX-License-Identifier: Apache-2.0
#include "policy/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/scripted_context.h"
#include "tests/policy/policy_cases.h"

using namespace std::chrono_literals;
using policy::parse_retry_error;
using policy::RetryQuestion;

namespace {

// The rule that applies, as written, or "none".
std::string rule_for(const policy::Loaded& loaded, RetryQuestion question) {
  policy::ScriptedContext context;
  const auto* rule = policy::find_retry_rule(*loaded.policy, question, context);
  return rule ? policy::format_retry_rule(*rule) : "none";
}

std::string first_error(std::string_view line) {
  auto loaded = cases::load("begin retry\n" + std::string(line) + "\n");
  if (loaded.policy) return "none";
  return loaded.diagnostics.errors.at(0).text;
}

}  // namespace

TEST(Retry, RulesAreReadAndShown) {
  auto loaded = cases::load(
      "begin retry\n"
      "\"a b@x.test\" timeout_connect_MX  F,1h,10m; g, 2d, 1h, 1.25 ;H,1w2d,90s,2\n"
      "*  quota_7d\n");
  ASSERT_TRUE(loaded.policy);
  ASSERT_EQ(loaded.policy->retry.size(), 2U);
  const auto& rule = loaded.policy->retry[0];
  EXPECT_EQ(
      policy::format_retry_rule(rule),
      "a b@x.test  timeout_connect_MX  F,1h,10m; G,2d,1h,1.25; H,1w2d,1m30s,2.0; ");
  ASSERT_EQ(rule.parameters.size(), 3U);
  EXPECT_EQ(rule.parameters[1].kind, 'G');
  EXPECT_EQ(rule.parameters[1].cutoff, 48h);
  EXPECT_DOUBLE_EQ(rule.parameters[1].factor, 1.25);
  EXPECT_EQ(policy::format_retry_rule(loaded.policy->retry[1]), "*  quota_1w  ");
  EXPECT_TRUE(loaded.policy->retry[1].parameters.empty());
}

TEST(Retry, BadRulesSayWhatToWrite) {
  struct Row {
    std::string_view line, words;
  };
  for (auto [line, words] : {
           Row{"*", "no error"},
           Row{"* * F,1h", "write F,CUTOFF,INTERVAL"},
           Row{"* * F,1h,2m,3", "wrong number of parts"},
           Row{"* * G,1h,10m,0.5", "below 1"},
           Row{"* * G,1h,10m,1.2345", "three decimals"},
           Row{"* * F,1h,0s", "above zero"},
           Row{"* * F,1,2m", "'1' is not a time"},
           Row{"* * X,1h,2m", "'X' is no kind of retry"},
           Row{"* timeout_conect F,1h,2m", "did you mean 'timeout_connect'?"},
           Row{"* rcpt_5xx F,1h,2m", "no retry error 'rcpt_5xx'"},
           Row{"+list * F,1h,2m", "a named list cannot be"},
           Row{"* * senders F,1h,2m", "'=' is missing"},
           Row{"\"abc * F,1h,2m", "closing quote"},
       })
    EXPECT_THAT(first_error(line), testing::HasSubstr(words)) << line;
}

TEST(Retry, ErrorsCoverWhatFallsUnderThem) {
  struct Row {
    std::string_view rule, happened;
    bool covers;
  };
  for (auto [rule, happened, covers] : {
           Row{"*", "refused", true},
           Row{"refused", "*", false},
           Row{"refused", "refused_A", true},
           Row{"refused_MX", "refused_A", false},
           Row{"timeout", "timeout_connect_MX", true},
           Row{"timeout_A", "timeout_connect_A", true},
           Row{"timeout_connect", "timeout_connect_A", true},
           Row{"timeout_connect", "timeout_A", false},
           Row{"timeout_connect_MX", "timeout_connect_A", false},
           Row{"timeout_DNS", "timeout_A", true},
           Row{"rcpt_4xx", "rcpt_421", true},
           Row{"rcpt_45x", "rcpt_451", true},
           Row{"rcpt_45x", "rcpt_421", false},
           Row{"rcpt_452", "rcpt_452", true},
           Row{"rcpt_452", "mail_452", false},
           Row{"quota", "quota_8d", true},
           Row{"quota_7d", "quota_8d", true},
           Row{"quota_7d", "quota_6d", false},
           Row{"quota_7d", "quota", false},
           Row{"TLS_Required", "tls_required", true},
       })
    EXPECT_EQ(policy::covers(*parse_retry_error(rule), *parse_retry_error(happened)),
              covers)
        << rule << " " << happened;
  EXPECT_FALSE(parse_retry_error("quota_soon"));
  EXPECT_FALSE(parse_retry_error(""));
}

TEST(Retry, TheFirstRuleThatAppliesIsTaken) {
  auto loaded = cases::load(
      "begin retry\n"
      "mx.test         *                      F,1h,1m\n"
      "user@one.test   *   senders=*@s.test   F,2h,1m\n"
      "user@one.test   *   senders=:          F,3h,1m\n"
      "*.one.test      refused                F,4h,1m\n"
      "*               *                      F,5h,1m\n");
  ASSERT_TRUE(loaded.policy);
  auto ask = [&](std::string_view address, std::string_view host,
                 std::string_view error,
                 std::optional<std::string_view> sender = std::nullopt) {
    return rule_for(loaded, {address, host, *parse_retry_error(error), sender});
  };
  EXPECT_EQ(ask("a@b.test", "mx.test", "refused"), "mx.test  *  F,1h,1m; ");
  EXPECT_EQ(ask("a@b.test", "", "refused"), "*  *  F,5h,1m; ");
  EXPECT_EQ(ask("user@one.test", "", "refused", "x@s.test"),
            "user@one.test  *  F,2h,1m; ");
  EXPECT_EQ(ask("user@one.test", "", "refused", ""), "user@one.test  *  F,3h,1m; ");
  EXPECT_EQ(ask("user@one.test", "", "refused"), "*  *  F,5h,1m; ");
  EXPECT_EQ(ask("a.one.test", "", "refused_A"), "*.one.test  refused  F,4h,1m; ");
  EXPECT_EQ(ask("a.one.test", "", "lookup"), "*  *  F,5h,1m; ");
}
