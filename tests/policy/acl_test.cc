// SPDX-License-Identifier: Apache-2.0
//
// Access control lists over a scripted world.
#include "policy/acl.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "policy/acl_words.h"
#include "policy/programs.h"
#include "policy/ratelimit.h"
#include "policy/replies.h"
#include "policy/scripted_context.h"

namespace {

using policy::AclResult;
using policy::Phase;
using policy::ScriptedContext;
using Verdict = AclResult::Verdict;

policy::Loaded load(const std::string &text) {
  return policy::load_policy(
      "policy.conf", text,
      *policy::Macros::create({}, policy::predefined_macros(policy::Program::any())),
      policy::read_included, policy::Program::any());
}

// `statements` is what stands below the name of the RCPT ACL.
policy::Loaded load_rcpt(const std::string &statements) {
  return load("acl_smtp_rcpt = a\nbegin acl\na:\n" + statements);
}

std::string errors_of(const policy::Loaded &loaded) {
  std::string out;
  for (const auto &error : loaded.diagnostics.errors) out += error.text + "\n";
  return out;
}

std::string warnings_of(const policy::Loaded &loaded) {
  std::string out;
  for (const auto &warning : loaded.diagnostics.warnings) out += warning.text + "\n";
  return out;
}

std::string shown(Phase phase, const AclResult &result) {
  auto reply = policy::reply_to(phase, result);
  std::string out = reply.code + " ";
  if (!reply.enhanced.empty()) out += reply.enhanced + " ";
  out += reply.text;
  if (!result.log_message.empty()) out += " | " + result.log_message;
  return reply.close ? out + " | closes" : out;
}

std::string rcpt(const std::string &statements, ScriptedContext &context) {
  auto loaded = load_rcpt(statements);
  if (!loaded.policy) return errors_of(loaded);
  return shown(Phase::rcpt, policy::run_acl(*loaded.policy, Phase::rcpt, context));
}

std::string rcpt(const std::string &statements) {
  ScriptedContext context;
  context.host_address = "192.0.2.1";
  context.variables = {{"local_part", "joe"},
                       {"original_local_part", "Joe"},
                       {"domain", "example.net"},
                       {"sender_address", "s@y.test"},
                       {"sender_address_domain", "y.test"}};
  return rcpt(statements, context);
}

TEST(Acl, S10_2_VerbsDecide) {
  constexpr std::string_view kNo = "550 Administrative prohibition";
  constexpr std::string_view kLater = "451 Temporary local problem - please try later";
  struct Row {
    std::string statements;
    std::string answer;
  };
  for (const Row &row : std::initializer_list<Row>{
           {"  accept\n", "250 "},
           {"  deny\n", std::string(kNo)},
           {"", std::string(kNo)},
           {"  accept condition = no\n", std::string(kNo)},
           {"  drop message = go\n", "550 go | go | closes"},
           {"  defer message = later\n", "451 later | later"},
           {"  defer\n", std::string(kLater)},
           {"  discard\n", "250 "},
           {"  require message = must\n  condition = no\n  accept\n",
            "550 must | must"},
           {"  require condition = no\n  message = must\n  accept\n", std::string(kNo)},
           {"  require condition = yes\n  accept\n", "250 "},
           {"  warn condition = yes\n  accept\n", "250 "},
           {"  accept domains = other.test\n  endpass\n  accept\n", "250 "},
           {"  accept endpass\n  message = not that\n  domains = other.test\n  "
            "accept\n",
            "550 not that | not that"},
           {"  deny !domains = example.net\n  accept\n", "250 "},
       })
    EXPECT_EQ(rcpt(row.statements), row.answer) << row.statements;
}

TEST(Acl, S10_5_ConditionsAreStrict) {
  struct Row {
    std::string value;
    bool holds;
  };
  for (const Row &row : std::initializer_list<Row>{{"yes", true},
                                                   {"TRUE", true},
                                                   {"1", true},
                                                   {"-1", true},
                                                   {"007", true},
                                                   {"no", false},
                                                   {"False", false},
                                                   {"0", false},
                                                   {"00", false},
                                                   {"-0", false},
                                                   {"-", false},
                                                   {"", false}})
    EXPECT_EQ(
        rcpt("  accept condition = ${if eq{1}{1}{" + row.value + "}}\n") == "250 ",
        row.holds)
        << row.value;
  for (const char *value : {"maybe", "+1", "5abc", "-5x", " yes "})
    EXPECT_EQ(rcpt(std::string("  accept condition = ${if eq{1}{1}{") + value + "}}\n"),
              std::string("451 Temporary local problem - please try later | invalid "
                          "\"condition\" value \"") +
                  value + "\"");
}

TEST(Acl, S4_6_ForcedFailureSkipsAClause) {
  EXPECT_EQ(rcpt("  deny condition = ${if eq{1}{2}{x}fail}\n  message = skipped\n"),
            "550 skipped | skipped");
  EXPECT_EQ(rcpt("  deny message = ${if eq{1}{2}{x}fail}\n"),
            "550 Administrative prohibition");
  EXPECT_EQ(rcpt("  deny domains = ${if eq{1}{2}{x}fail}\n  accept\n"), "250 ");
}

TEST(Acl, S10_4_LogMessagesAreForTheLog) {
  EXPECT_EQ(rcpt("  deny log_message = only here\n"),
            "550 Administrative prohibition | only here");
  EXPECT_EQ(rcpt("  deny message = user\n  log_message = log\n"), "550 user | log");
}

TEST(Acl, S10_3_CodesOfTheWrongClassGo) {
  EXPECT_EQ(rcpt("  deny message = 451 no\n"), "550 no | 550 no");
  EXPECT_EQ(rcpt("  deny message = 552 5.2.2 full\n"),
            "552 5.2.2 full | 552 5.2.2 full");
}

TEST(Acl, S18_4_DataMakesNoLines) {
  ScriptedContext context;
  context.variables = {{"sender_address", "a\nb"}};
  EXPECT_EQ(rcpt("  deny message = written\\nlines $sender_address\n", context),
            "550 written\nlines a b | written\nlines a b");
  EXPECT_EQ(rcpt("  accept add_header = X: $sender_address\\nY: 1\n", context), "250 ");
  ASSERT_EQ(context.effects.size(), 2U);
  EXPECT_EQ(context.effects[0].text, "X: a\n b\n");
  EXPECT_EQ(context.effects[1].text, "Y: 1\n");
}

// 10.2: "`!condition` swaps ok and fail only", and "a nested ACL's drop is a kind of
// fail".
TEST(Acl, S10_2_ANegatedDropIsATruth) {
  EXPECT_EQ(rcpt("  accept !acl = b\n  deny message = second\nb:\n  drop\n"), "250 ");
  EXPECT_EQ(rcpt("  deny !acl = b\n  accept\nb:\n  drop message = x\n").substr(0, 3),
            "550");
}

// 10.4: for `warn` it is log_message that is logged.
TEST(Acl, S10_4_AWarnLogsItsLogMessageOnly) {
  for (std::string_view log : {"", "    log_message =\n"}) {
    ScriptedContext context;
    rcpt("  warn message = X-Note: y\n" + std::string(log) + "  accept\n", context);
    ASSERT_EQ(context.effects.size(), 1U) << log;
    EXPECT_EQ(context.effects[0].text, "X-Note: y\n") << log;
  }
}

// 10.2, `warn` on defer: "next (log line "skipped")", as a warning about the client.
TEST(Acl, S10_2_AWarnThatDefersSaysSo) {
  ScriptedContext context;
  context.variables = {{"sender_address", "perhaps"}};
  EXPECT_EQ(rcpt("  warn condition = $sender_address\n  accept\n", context), "250 ");
  ASSERT_EQ(context.effects.size(), 1U);
  EXPECT_EQ(context.effects[0].name, "warn");
  EXPECT_EQ(context.effects[0].text,
            "ACL \"warn\" statement skipped: condition test deferred: invalid "
            "\"condition\" value \"perhaps\"");
}

TEST(Acl, D3_DataHoldsNoOptions) {
  ScriptedContext context;
  context.variables = {{"sender_address", "freeze/no_tell"}};
  EXPECT_EQ(rcpt("  accept control = fakereject/no $sender_address\n", context),
            "250 ");
  ASSERT_EQ(context.effects.size(), 1U);
  EXPECT_EQ(context.effects[0].text, "no freeze/no_tell\n");
  EXPECT_EQ(rcpt("  accept control = $sender_address\n", context).substr(0, 3), "451");
}

TEST(Acl, S10_2_NestedListsTakeArguments) {
  EXPECT_EQ(rcpt("  deny acl = b one \"two words\" ${lc:THREE FOUR}\n"
                 "b:\n  accept message = $acl_narg/$acl_arg1/$acl_arg2/$acl_arg3\n"),
            "550 3/one/two words/three four | 3/one/two words/three four");
  EXPECT_EQ(rcpt("  accept acl = ${if eq{a}{b}{b}{c}}\nb:\n  deny\nc:\n  accept\n"),
            "250 ");
  EXPECT_EQ(rcpt("  accept acl = a\n"),
            "451 Temporary local problem - please try later | ACL nested too deep: "
            "possible loop");
}

TEST(Acl, S10_6_VerifyAsksTheContext) {
  ScriptedContext context;
  context.verifications["recipient"] = {policy::Answer::no, "", "no such user", "why"};
  EXPECT_EQ(rcpt("  require verify = recipient\n  accept\n", context),
            "550 no such user | why");
  EXPECT_EQ(rcpt("  deny message = sorry: $acl_verify_message\n"
                 "       !verify = recipient\n",
                 context),
            "550 sorry: no such user | why");
  context.verifications["recipient"].answer = policy::Answer::defer;
  EXPECT_EQ(rcpt("  require verify = recipient\n", context), "451 no such user | why");
  EXPECT_EQ(rcpt("  require verify = recipient/defer_ok\n  accept\n", context), "250 ");
}

TEST(Acl, S10_8_DnsListsAskForReversedAddresses) {
  ScriptedContext context;
  context.host_address = "192.0.2.1";
  context.records["a 1.2.0.192.bl.test"] = {
      policy::Answer::yes, {{"127.0.0.4"}}, false};
  context.records["txt 1.2.0.192.bl.test"] = {policy::Answer::yes, {{"bad"}}, false};
  context.records["a key.test.dom.test"] = {
      policy::Answer::yes, {{"127.0.0.2"}}, false};
  context.records["a 1.2.0.192.dead.test"] = {policy::Answer::defer, {}, false};
  const std::string says =
      "  message = $dnslist_domain $dnslist_value "
      "$dnslist_text $dnslist_matched\n";
  EXPECT_EQ(rcpt("  deny dnslists = none.test : bl.test\n" + says, context),
            "550 bl.test 127.0.0.4 bad 192.0.2.1 | bl.test 127.0.0.4 bad 192.0.2.1");
  EXPECT_EQ(rcpt("  deny dnslists = bl.test=127.0.0.2\n  accept\n", context), "250 ");
  EXPECT_EQ(rcpt("  deny dnslists = dom.test/other.test::key.test\n  accept\n", context)
                .substr(0, 3),
            "550");
  EXPECT_EQ(rcpt("  deny dnslists = dead.test\n  accept\n", context), "250 ");
  EXPECT_EQ(rcpt("  deny dnslists = +include_unknown : dead.test\n  accept\n", context)
                .substr(0, 3),
            "550");
  EXPECT_EQ(
      rcpt("  deny dnslists = +defer_unknown : dead.test\n", context).substr(0, 3),
      "451");
}

TEST(Acl, S10_1_UnsetPoints) {
  auto loaded = load("");
  ASSERT_TRUE(loaded.policy);
  ScriptedContext context;
  for (Phase phase : {Phase::connect, Phase::mail, Phase::data, Phase::not_smtp})
    EXPECT_EQ(policy::run_acl(*loaded.policy, phase, context).verdict, Verdict::accept);
  for (Phase phase : {Phase::rcpt, Phase::vrfy, Phase::expn, Phase::etrn})
    EXPECT_EQ(policy::run_acl(*loaded.policy, phase, context).verdict, Verdict::refuse);
}

TEST(Acl, S17_ErrorsNameTheWordAndTheRemedy) {
  struct Row {
    std::string statements;
    std::vector<std::string> words;
  };
  for (const Row &row : std::initializer_list<Row>{
           {"  accept domain = x\n", {"'domain'", "did you mean 'domains'?"}},
           {"  permit hosts = *\n", {"'permit'"}},
           {"  accept hosts\n", {"'='", "missing", "'hosts'"}},
           {"  accept !set acl_m_a = 1\n", {"'set' cannot be negated"}},
           {"  warn set acl_x = 1\n", {"'acl_x'", "acl_c"}},
           {"  warn set acl_mfoo = 1\n", {"'acl_mfoo'", "acl_m_foo"}},
           {"  require endpass\n", {"'endpass'", "'require'"}},
           {"  warn malware = *\n", {"'malware'", "not part of the policy language"}},
           {"  accept verify = recipent\n", {"did you mean 'recipient'?"}},
           {"  accept verify = recipient/callout=fast\n", {"'fast'", "TIME"}},
           {"  accept control = freze\n", {"did you mean 'freeze'?"}},
           {"  accept control = queue/nosuch\n", {"'queue'", "'nosuch'", "only"}},
           {"  accept delay = soon\n", {"'soon'", "30s"}},
           {"  accept condition = maybe\n", {"'maybe'"}},
           {"  accept logwrite = :mian: x\n", {"'mian'", "'main'"}},
           {"  accept acl = bee\n", {"unknown ACL 'bee'"}},
           {"  accept dnslists = bl.test=x\n", {"'x'"}},
           {"  accept spf = fial\n", {"did you mean 'fail'?"}},
           {"  hosts = *\n", {"begins with a verb"}},
       }) {
    auto loaded = load_rcpt(row.statements);
    EXPECT_FALSE(loaded.policy) << row.statements;
    std::string text = errors_of(loaded);
    for (const std::string &word : row.words)
      EXPECT_NE(text.find(word), std::string::npos) << row.statements << text;
  }
}

TEST(Acl, S17_WarnsOfWhatIsNeverUsed) {
  struct Row {
    std::string statements, warning;
  };
  for (const Row &row : std::initializer_list<Row>{
           {"  require condition = yes\n  message = x\n  accept\n",
            "'message' is never used: put it before"},
           {"  deny message = x\n  message = y\n", "another one replaces it"},
           {"  accept\n  deny\n", "never reached"},
           {"  warn message = X-Y: z\n  accept\n", "add_header"},
           {"  deny condition = ${if eq{1}{$domain}{yes}fail}\n", "skips it"},
       })
    EXPECT_NE(warnings_of(load_rcpt(row.statements)).find(row.warning),
              std::string::npos)
        << row.statements << warnings_of(load_rcpt(row.statements));
  EXPECT_EQ(warnings_of(load_rcpt("  require message = x\n  condition = ${lc:$domain}\n"
                                  "  accept\n")),
            "");
}

TEST(Acl, S10_1_NothingIsRefusedAtTheEnd) {
  auto loaded = load("acl_smtp_quit = a\nbegin acl\na:\n  deny\n");
  EXPECT_NE(errors_of(loaded).find("'deny'"), std::string::npos);
  EXPECT_TRUE(load("acl_smtp_quit = a\nbegin acl\na:\n  warn acl = b\n  accept\nb:\n"
                   "  deny\n")
                  .policy);
}

TEST(Acl, S19_2_TablesAreSorted) {
  for (auto table :
       {policy::acl_words(), policy::acl_controls(), policy::acl_verify_items()}) {
    EXPECT_TRUE(std::ranges::is_sorted(table, {}, &policy::AclWord::name));
    for (const auto &word : table) EXPECT_FALSE(word.about.empty()) << word.name;
  }
}

}  // namespace
