// SPDX-License-Identifier: Apache-2.0
#include "policy/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "policy/programs.h"
#include "tests/policy/policy_cases.h"

using namespace std::chrono_literals;
using policy::OptionInfo;
using testing::HasSubstr;

namespace {

std::string errors(const std::string& text) {
  auto loaded = cases::load(text);
  return loaded.source.format(loaded.diagnostics.errors, "error");
}

}  // namespace

TEST(OptionTables, AreWholeAndTellWhyOptionsAreLeftOut) {
  for (auto table :
       {policy::main_option_table(), policy::router_option_table(),
        policy::transport_option_table(), policy::authenticator_option_table()}) {
    EXPECT_TRUE(std::ranges::is_sorted(table, {}, &OptionInfo::name));
    std::set<std::string> seen;
    for (const OptionInfo& info : table) {
      EXPECT_TRUE(
          seen.insert(std::string(info.name) + std::string(info.drivers)).second)
          << info.name;
      EXPECT_EQ(info.left_out.empty(), !info.about.empty() || info.ignored)
          << info.name;
    }
  }
}

TEST(Options, AreReadByTheirTypes) {
  auto loaded = cases::load(
      "primary_hostname = mx.example.net\n"
      "no_accept_8bitmime\n"
      "queue_only_load = 2.5\n"
      "auto_thaw = 1d\n"
      "delay_warning = 2h:4h : 1d\n"
      "recipients_max = 0x10k\n"
      "dns_dnssec_ok = -1\n"
      "smtp_banner = \"$primary_hostname\\tESMTP\"\n"
      "helo_verify_hosts = 192.0.2.0/24\n"
      "begin transports\n"
      "t:\n driver = appendfile\n mode = 0640\n directory_mode = 700\n");
  ASSERT_TRUE(loaded.policy) << loaded.source.format(loaded.diagnostics.errors,
                                                     "error");
  const auto& main = loaded.policy->main;
  EXPECT_FALSE(main.boolean("accept_8bitmime", true));
  EXPECT_TRUE(main.boolean("prdr_enable", true)) << "not set: what the caller says";
  EXPECT_EQ(main.time("auto_thaw", 0s), 24h);
  EXPECT_EQ(main.integer("recipients_max", 0), 16384);
  EXPECT_EQ(main.integer("dns_dnssec_ok", 0), -1);
  EXPECT_NE(main.expanded("smtp_banner"), nullptr);
  EXPECT_NE(main.list("helo_verify_hosts"), nullptr);
  EXPECT_EQ(main.acl("acl_smtp_rcpt"), nullptr);
  const auto* warning = main.find("delay_warning");
  ASSERT_NE(warning, nullptr);
  EXPECT_EQ(std::get<std::vector<std::chrono::seconds>>(warning->value),
            (std::vector<std::chrono::seconds>{2h, 4h, 24h}));
  EXPECT_DOUBLE_EQ(std::get<double>(main.find("queue_only_load")->value), 2.5);
  EXPECT_EQ(loaded.policy->transports.at(0).options.integer("mode", 0), 0640);
  EXPECT_EQ(loaded.policy->transports.at(0).options.integer("directory_mode", 0), 0700);
}

TEST(Options, SayWhatIsWrong) {
  struct Row {
    std::string_view text, words;
  };
  for (auto [text, words] : {
           Row{"qualify_recipent = x", "did you mean 'qualify_recipient'?"},
           Row{"require_features = srs : lmbd", "did you mean 'lmdb'?"},
           Row{"perl_startup = x", "note: no code is run from a policy"},
           Row{"hosts_proxy", "'=' is missing after 'hosts_proxy'"},
           Row{"queue_only = maybe", "queue_only: 'maybe' is neither true nor false"},
           Row{"no_queue_only = yes", "write 'queue_only = no'"},
           Row{"domainlist a", "'=' is missing after 'a'"},
           Row{"domainlist a = x\ndomainlist a = y", ":2:12: error: domainlist 'a'"},
           Row{"begin acl\nbegin ACL", "begins for the second time"},
           Row{"begin routers\n driver = accept", "stands before the first router"},
           Row{"begin routers\nr:\n data = x\n driver = redirect",
               "stands before 'driver'"},
           Row{"begin routers\nr:\n driver = acept", "did you mean 'accept'?"},
           Row{"begin routers\nr:\n driver = queryprogram\n command = x",
               "router driver 'queryprogram' is not part of the policy language"},
           Row{"begin routers\nr:\n driver = accept\n data = x",
               "belongs to driver 'redirect', not to 'accept'"},
           Row{"begin routers\nr:\n driver = accept", "has no 'transport'"},
           Row{"begin routers\nr:\n driver = redirect\n data = x\n file = /x",
               "has both 'data' and 'file'"},
           Row{"begin routers\nr:\n driver = redirect\n data = x\n pass_router = q",
               "there is no router 'q'"},
           Row{"begin routers\nr:\n driver = redirect\n data = x\n set = x = 1",
               "write 'set = r_name = value'"},
           Row{"begin routers\nr:\n driver = manualroute\n route_list = * h bynme",
               "did you mean 'byname'?"},
           Row{"begin routers\nr:\n driver = redirect\n data = x\n unseen = maybe",
               "unseen: 'maybe' is neither"},
           Row{"begin transports\nt:\n driver = lmtp\n command = x",
               "a socket is used"},
           Row{"begin transports\nt:\n driver = smtp\n file = x",
               "belongs to driver 'appendfile'"},
           Row{"begin transports\nt:\n driver = appendfile\n mode = 0999",
               "'0999' is not an octal number"},
           Row{"begin authenticators\na:\n driver = cram_md5",
               "plaintext, external, tls and Dovecot's authenticator are served"},
       })
    EXPECT_THAT(errors(std::string(text) + "\n"), HasSubstr(words)) << text;
}

TEST(Options, CanRequireFeaturesOfTheProgram) {
  auto load_for = [](std::string_view program) {
    return policy::load_policy("p.conf", "require_features = srs : spf : lmdb\n",
                               *policy::Macros::create({}, {}), policy::read_included,
                               *policy::find_program(program));
  };
  auto loaded = load_for("run");
  ASSERT_EQ(loaded.diagnostics.errors.size(), 1U);
  EXPECT_THAT(loaded.diagnostics.errors[0].text, HasSubstr("requires 'spf'"));
  EXPECT_TRUE(cases::load("require_features = srs : spf : lmdb\n").policy);
}

TEST(Options, KeepSecrets) {
  for (const char* line :
       {"hide smtp_banner = ${geheim", "hide spool_directory = geheim",
        "tls_privatekey = \"x\" geheim", "hide queue_only = geheim",
        "tls_privatekey = ${geheim}"}) {
    std::string said = errors(std::string(line) + "\n");
    EXPECT_FALSE(said.empty()) << line;
    if (said.find("geheim") != said.npos) ADD_FAILURE() << said;
  }
}

TEST(Options, KeepTheColumnsOfQuotedValues) {
  auto loaded = cases::load("smtp_banner = \"a\\tb ${nosuch}\"\n");
  ASSERT_FALSE(loaded.diagnostics.errors.empty());
  EXPECT_GE(loaded.diagnostics.errors[0].origin.column, 21U);
}

TEST(Options, ThatAreIgnoredDrawANoteAndNoMore) {
  auto loaded = cases::load("keep_environment = PATH\nnever_users = root\n");
  EXPECT_TRUE(loaded.policy);
  EXPECT_TRUE(loaded.diagnostics.warnings.empty());
  EXPECT_EQ(loaded.diagnostics.notes.size(), 2U);
}
