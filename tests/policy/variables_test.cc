// SPDX-License-Identifier: Apache-2.0
#include "policy/variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "policy/variable_table.h"
#include "tests/policy/expanding.h"

namespace {

using policy::Feature;
using policy::Origins;

TEST(Variables, AreKnownByNameAndPlace) {
  for (const policy::VariableInfo& info : policy::variables()) {
    auto id = policy::find_variable(info.name);
    ASSERT_TRUE(id) << info.name;
    EXPECT_EQ(policy::variables()[*id].name, info.name);
    EXPECT_FALSE(info.about.empty()) << info.name;
    EXPECT_TRUE(info.phases.contains(policy::Phase::other)) << info.name;
  }
  EXPECT_FALSE(policy::find_variable("nosuch"));
  EXPECT_FALSE(policy::find_variable(""));
  static_assert(policy::kVariables[policy::variable_id("domain")].name == "domain");
}

struct Row {
  std::string_view name;
  Origins origins;
  Feature feature;
};

// Chapter 11: what the checker, provenance and programs build on.
TEST(Variables, SayWhatMayFlowIntoThemAndWhatTheyNeed) {
  const Row rows[] = {
      {"sender_host_address", Origins::local, Feature::none},
      {"sender_host_name", Origins::remote, Feature::none},
      {"sender_helo_name", Origins::remote, Feature::none},
      {"sender_address", Origins::remote, Feature::none},
      {"domain", Origins::remote, Feature::none},
      {"domain_data", Origins::local, Feature::none},
      {"tls_in_sni", Origins::remote, Feature::tls},
      {"tls_peerdn", Origins::remote, Feature::tls},
      {"tls_out_dane", Origins::local, Feature::tls},
      {"authenticated_id", Origins::remote, Feature::auth},
      {"spf_result", Origins::local, Feature::spf},
      {"spf_received", Origins::remote, Feature::spf},
      {"dmarc_used_domain", Origins::remote, Feature::dmarc},
      {"arc_domains", Origins::remote, Feature::arc},
      {"dcc_result", Origins::local, Feature::dcc},
      {"bmi_deliver", Origins::local, Feature::bmi},
      {"srs_recipient", Origins::remote, Feature::srs},
      {"dnslist_text", Origins::remote, Feature::dnslists},
      {"sender_rate", Origins::local, Feature::ratelimit},
      {"proxy_session", Origins::local, Feature::proxy},
      {"requiretls", Origins::local, Feature::requiretls},
      {"value", Origins::flows, Feature::none},
      {"acl_arg1", Origins::flows, Feature::none},
  };
  for (const Row& row : rows) {
    auto id = policy::find_variable(row.name);
    ASSERT_TRUE(id) << row.name;
    EXPECT_EQ(policy::variables()[*id].origins, row.origins) << row.name;
    EXPECT_EQ(policy::variables()[*id].feature, row.feature) << row.name;
  }
}

TEST(Variables, OfThePolicyAndTheClockNeedNoProgram) {
  auto policy = expanding::loaded(
      "primary_hostname = mx.example.net\n"
      "qualify_domain = a.example\n"
      "qualify_recipient = b.example\n"
      "spool_directory = /var/spool/x\n");
  ASSERT_TRUE(policy);
  policy::ScriptedContext context;
  context.clock = [] {
    return std::chrono::system_clock::time_point(std::chrono::seconds(1735812000));
  };
  struct {
    std::string_view expression, result;
  } const rows[] = {
      {"$primary_hostname", "ok:mx.example.net"},
      {"$qualify_domain $qualify_recipient", "ok:a.example b.example"},
      {"$spool_directory", "ok:/var/spool/x"},
      {"$tod_epoch $tod_epoch_l", "ok:1735812000 1735812000000000"},
      {"$tod_zulu", "ok:20250102100000Z"},
      {"${if match{$tod_log}{^2025-01-0\\\\d \\\\d\\\\d:\\\\d\\\\d:00\\$}{y}{n}}",
       "ok:y"},
      {"${if match{$tod_full}{, 0. Jan 2025 ..:..:00 [-+]....\\$}{y}{n}}", "ok:y"},
      {"${if match{$tod_bsdinbox}{^... Jan 0?. ..:..:00 2025\\$}{y}{n}}", "ok:y"},
      {"${if match{$tod_logfile}{^2025010.\\$}{y}{n}}", "ok:y"},
      {"${if match{$tod_zone}{^[-+]....\\$}{y}{n}}", "ok:y"},
      {"${if >{$pid}{0}{y}{n}}", "ok:y"},
      {"${if def:version_number{y}{n}}", "ok:y"},
      {"$acl_narg<$acl_arg1>", "ok:0<>"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(expanding::expanded(*policy, row.expression, context), row.result)
        << row.expression;
}

// As Exim 4.96 answers -bem: decoded and without blanks at the ends of headers, or raw.
TEST(Variables, OfAllHeadersAreDecodedAsOneHeaderIs) {
  auto policy = expanding::loaded("");
  policy::ScriptedContext context;
  context.set_message(
      "Subject: x  \nX-Enc: =?iso-8859-1?q?caf=E9?=\nTo: a@b.example,\n c@d.example\n\n"
      "body\n");
  EXPECT_EQ(expanding::expanded(*policy, "[$message_headers]", context),
            "ok:[Subject: x\nX-Enc: caf\351\nTo: a@b.example,\n c@d.example]");
  EXPECT_EQ(expanding::expanded(*policy, "${strlen:$message_headers_raw}", context),
            "ok:74");
  EXPECT_EQ(expanding::expanded(*policy, "${if def:message_headers{y}}", context),
            "ok:y");
}

TEST(Variables, ThatAreNotSetAreEmptyUnlessThePolicyIsStrict) {
  policy::ScriptedContext context;
  auto lax = expanding::loaded("primary_hostname = x\n");
  EXPECT_EQ(expanding::expanded(*lax, "<$acl_m_x$r_x$sender_address>", context),
            "ok:<>");
  auto strict = expanding::loaded("strict_acl_vars\n");
  ASSERT_TRUE(strict);
  EXPECT_EQ(expanding::expanded(*strict, "$acl_m_x", context),
            "error:$acl_m_x is not set");
  EXPECT_EQ(expanding::expanded(*strict, "<$r_x>", context), "ok:<>");
  context.named["acl_m_x"] = "set";
  EXPECT_EQ(expanding::expanded(*strict, "$acl_m_x", context), "ok:set");
}

}  // namespace
