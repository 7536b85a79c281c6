// SPDX-License-Identifier: Apache-2.0
#include "policy/authresults.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "policy/scripted_context.h"

namespace {

struct Row {
  std::map<std::string, std::string, std::less<>> variables;
  std::string_view results;
};

TEST(AuthenticationResults, HaveTheOrderAndTheWordsOfRfc8601) {
  const Row rows[] = {
      {{}, "; none"},
      {{{"sender_host_name", "mail.example.com"}, {"sender_host_address", "192.0.2.1"}},
       ";\n\tiprev=pass (mail.example.com) smtp.remote-ip=192.0.2.1"},
      {{{"host_lookup_failed", "1"}}, ";\n\tiprev=fail"},
      {{{"host_lookup_deferred", "1"}}, ";\n\tiprev=temperror"},
      {{{"sender_host_authenticated", "plain"}, {"authenticated_id", "joe"}},
       ";\n\tauth=pass (plain) smtp.auth=joe"},
      {{{"spf_result", "softfail"}, {"sender_address_domain", "example.com"}},
       ";\n\tspf=softfail smtp.mailfrom=example.com"},
      {{{"spf_result", "none"}, {"sender_helo_name", "mx.example.com"}},
       ";\n\tspf=none smtp.helo=mx.example.com"},
      {{{"dkim_verify_status", "pass"}, {"dkim_domain", "example.com"}},
       ";\n\tdkim=pass header.d=example.com"},
      {{{"dmarc_status", "accept"}, {"dmarc_used_domain", "example.com"}},
       ";\n\tdmarc=pass header.from=example.com"},
      {{{"dmarc_status", "quarantine"}}, ";\n\tdmarc=fail"},
      {{{"arc_state", "pass"}, {"arc_oldest_pass", "1"}},
       ";\n\tarc=pass arc.oldest-pass=1"},
      {{{"arc_state", "none"}, {"spf_result", "pass"}, {"host_lookup_failed", "1"}},
       ";\n\tiprev=fail;\n\tspf=pass;\n\tarc=none"},
  };
  for (const Row& row : rows) {
    policy::ScriptedContext context;
    context.variables = row.variables;
    context.host_address = "192.0.2.1";
    EXPECT_EQ(policy::authentication_results("mx.example.net", context),
              "Authentication-Results: mx.example.net" + std::string(row.results));
  }
}

TEST(AuthenticationResults, CannotBeEndedByWhatAStrangerSays) {
  policy::ScriptedContext context;
  context.host_address = "192.0.2.1";
  context.variables["sender_host_name"] = "a) dkim=pass;\n\tdkim=pass\nX: y";
  EXPECT_EQ(policy::authentication_results("mx", context),
            "Authentication-Results: mx;\n\tiprev=pass (adkim=passdkim=passX:y)");
}

}  // namespace
