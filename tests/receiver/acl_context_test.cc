// SPDX-License-Identifier: Apache-2.0
#include "receiver/acl_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/fd.h"
#include "net/resolver.h"
#include "policy/programs.h"
#include "policy/variable_table.h"
#include "receiver/default_policy.h"
#include "receiver/rate_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace {

using policy::AclResult;
using policy::Phase;
using receiver::AclContext;
using testing::HasSubstr;

class AclContextTest : public testing::Test {
 protected:
  void load(const std::string& text) {
    auto loaded =
        policy::load_policy({"test.conf", text}, {}, *policy::find_program("receive"));
    ASSERT_TRUE(loaded);
    ASSERT_TRUE(loaded->policy)
        << loaded->source.format(loaded->diagnostics.errors, "error");
    context.reset();
    world.policy = loaded->policy;
    context.emplace(world, client);
  }
  AclResult run(Phase phase) { return policy::run_acl(*world.policy, phase, *context); }
  std::string value(std::string_view name) {
    auto value = context->variable(*policy::find_variable(name));
    return value ? std::string(*value) : "!" + value.error().text;
  }
  std::string main_log() const {
    return base::read_file(spool / "mainlog").value_or("");
  }

  support::TempDir spool;
  support::FakeClock clock;
  // Nobody answers there.
  std::unique_ptr<net::Resolver> resolver = [] {
    net::Resolver::Options options;
    options.forwarders = {"127.0.0.1@1"};
    options.deadline = std::chrono::milliseconds(200);
    return *net::Resolver::create(std::move(options));
  }();
  receiver::RateStore rates = *receiver::RateStore::open(spool.path());
  base::MainLog main = *base::MainLog::open(spool / "mainlog", clock);
  base::MainLog reject = *base::MainLog::open(spool / "rejectlog", clock);
  base::MainLog panic = *base::MainLog::open(spool / "paniclog", clock);
  receiver::World world{nullptr, *resolver, rates,        main, reject,
                        panic,   clock,     spool.path(), ""};
  receiver::Client client;
  receiver::Envelope envelope;
  receiver::MessageAtHand message;
  std::optional<AclContext> context;
};

TEST_F(AclContextTest, TellsWhatIsKnownOfClientAndEnvelope) {
  client.peer = {"192.0.2.1", 4321};
  client.local = {"192.0.2.25", 25};
  client.helo_name = "c.example";
  client.extended = true;
  client.host.state = receiver::HostNames::State::found;
  client.host.names = {"mail.c.example"};
  client.tls.emplace();
  client.tls->cipher = "TLS1.3:X:256";
  client.tls->bits = 256;
  client.tls->resumption = 11;
  client.login = {"plain", "PLAIN", "joe"};
  load("primary_hostname = mx.test\n");
  context->command = "RCPT TO:<Joe.\"\"@B.Example>";
  context->recipient = "\"Joe X\"@B.Example";
  envelope.sender = "A.b@Sender.Example";
  envelope.recipients = {{"x@y.test", {}}, {"z@y.test", {}}};
  context->envelope = &envelope;
  context->rcpt_count = 3;
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"sender_host_address", "192.0.2.1"},
      {"sender_host_port", "4321"},
      {"received_port", "25"},
      {"sender_host_name", "mail.c.example"},
      {"sender_fullhost", "mail.c.example (c.example) [192.0.2.1]"},
      {"sender_rcvhost", "mail.c.example ([192.0.2.1] helo=c.example)"},
      {"received_protocol", "esmtpsa"},
      {"tls_in_cipher", "TLS1.3:X:256"},
      {"tls_bits", "256"},
      {"tls_in_resumption", "11"},
      {"authenticated_id", "joe"},
      {"sender_host_authenticated", "plain"},
      {"local_part", "joe x"},
      {"original_local_part", "Joe X"},
      {"domain", "b.example"},
      {"sender_address", "A.b@Sender.Example"},
      {"sender_address_local_part", "A.b"},
      {"sender_address_domain", "sender.example"},
      {"message_size", "-1"},
      {"recipients", "x@y.test, z@y.test"},
      {"recipients_list", "x@y.test:z@y.test"},
      {"recipients_count", "2"},
      {"rcpt_count", "3"},
      {"smtp_command_history", "RCPT"},
      {"proxy_session", "no"},
      {"smtp_active_hostname", "mx.test"},
  };
  for (auto [name, expected] : rows) EXPECT_EQ(value(name), expected) << name;
  EXPECT_GT(std::stoll(value("spool_space")), 0);
  context->end_command();
  context->command = "DATA";
  EXPECT_EQ(value("smtp_command_history"), "RCPT,DATA");
}

TEST_F(AclContextTest, ReadsTheMessageWhereItLies) {
  load("message_body_visible = 8\n");
  std::ofstream(spool / "D") << "1xUYvJ-000000004Zg-2Cxx-D\nfirst\nline\n";
  std::vector<spoolfmt::Header> headers = {{'P', "Received: x\n\tby y\n"},
                                           {'*', "Gone: x\n"},
                                           {'F', "From: A <a@b.test>\n"}};
  message.headers = &headers;
  message.d_file = spool / "D";
  message.body = "and the end\n";
  message.body_lines = 3;
  context->message = &message;
  EXPECT_EQ(value("message_body"), "first li");
  EXPECT_EQ(value("message_body_end"), "the end ");
  EXPECT_EQ(value("received_count"), "1");
  EXPECT_EQ(value("message_linecount"), "6");
  EXPECT_EQ(value("reply_address"), "A <a@b.test>");
  EXPECT_EQ(context->headers().size(), 2U);
}

TEST_F(AclContextTest, KeepsWhatControlsWishFor) {
  load(
      "acl_smtp_rcpt = a\nbegin acl\na:\n"
      " warn control = freeze/no_tell\n control = fakereject/no thanks\n"
      "  control = queue/first_pass_route\n queue = slow\n"
      "  control = submission/domain=d.test/name=N\n control = utf8_downconvert/-1\n"
      "  control = no_enforce_sync\n control = caseful_local_part\n delay = 2s\n"
      "  delay = 3s\n log_message = odd\n"
      " accept local_parts = +caseful : Joe\n");
  context->recipient = "Joe@b.test";
  client.peer = {"192.0.2.1", 25};
  EXPECT_EQ(run(Phase::rcpt).verdict, AclResult::Verdict::accept);
  EXPECT_TRUE(context->wishes.freeze);
  EXPECT_FALSE(context->wishes.freeze_tell);
  EXPECT_EQ(context->wishes.fake_code, 550);
  EXPECT_EQ(context->wishes.fake_text, "no thanks");
  EXPECT_TRUE(context->wishes.first_pass_route);
  EXPECT_FALSE(context->wishes.queue_only);
  EXPECT_EQ(context->wishes.queue_name, "slow");
  EXPECT_EQ(context->wishes.submission->domain, "d.test");
  EXPECT_EQ(context->wishes.utf8_downconvert, -1);
  EXPECT_EQ(context->session.enforce_sync, false);
  EXPECT_EQ(value("local_part"), "Joe");
  EXPECT_EQ(context->take_delay(), std::chrono::seconds(5));
  run(Phase::rcpt);
  std::string log = main_log();
  EXPECT_THAT(log, HasSubstr("H=[192.0.2.1] Warning: odd"));
  EXPECT_EQ(log.find("odd"), log.rfind("odd")) << "once a message";
  context->end_command();
  EXPECT_EQ(value("local_part"), "joe");
  context->end_message();
  EXPECT_FALSE(context->wishes.freeze);
}

TEST_F(AclContextTest, MessageVariablesEndWithTheMessage) {
  load("");
  context->set_named_variable("acl_m_a", "1");
  context->set_named_variable("acl_c_b", "2");
  context->end_message();
  EXPECT_EQ(context->named_variable("acl_m_a"), nullptr);
  ASSERT_NE(context->named_variable("acl_c_b"), nullptr);
}

TEST_F(AclContextTest, VerifiesByRoutingAndKeepsTheRecipient) {
  load(
      "acl_smtp_rcpt = a\nbegin acl\na:\n require verify = sender\n"
      " require verify = recipient\n accept condition = ${if eq{$domain}{good.test}}\n"
      "begin routers\nr:\n driver = redirect\n domains = good.test\n data = "
      ":blackhole:\n");
  envelope.sender = "a@good.test";
  context->envelope = &envelope;
  context->recipient = "b@Good.test";
  EXPECT_EQ(run(Phase::rcpt).verdict, AclResult::Verdict::accept);
  context->end_command();
  context->recipient = "b@bad.test";
  EXPECT_EQ(run(Phase::rcpt).verdict, AclResult::Verdict::refuse);
  EXPECT_EQ(value("recipient_verify_failure"), "route");
  EXPECT_EQ(value("domain"), "bad.test");
  context->end_message();
  envelope.sender = "a@bad.test";
  auto refused = run(Phase::rcpt);
  EXPECT_EQ(refused.verdict, AclResult::Verdict::refuse);
  EXPECT_THAT(*refused.message, HasSubstr("Sender verify failed"));
  EXPECT_THAT(main_log(), HasSubstr("sender verify fail for <a@bad.test>:"));
}

TEST_F(AclContextTest, LimitsRates) {
  load("acl_smtp_connect = deny ratelimit = 2 / 1h / strict / per_cmd\n");
  client.peer = {"192.0.2.1", 25};
  int refused = 0;
  for (int i = 0; i < 4; ++i) {
    refused += run(Phase::connect).log_message.empty() && value("sender_rate") >= "2.0";
    context->end_command();
  }
  EXPECT_GE(refused, 2);
}

TEST_F(AclContextTest, DefaultPolicyServesLoopbackAlone) {
  for (auto [address, welcome] : {std::pair<const char*, bool>{"127.0.0.1", true},
                                  {"::1", true},
                                  {"127.9.9.9", true},
                                  {"192.0.2.1", false},
                                  {"2001:db8::1", false}}) {
    client.peer = {address, 25};
    load(std::string(receiver::default_policy()));
    auto answer = run(Phase::connect);
    EXPECT_EQ(answer.verdict,
              welcome ? AclResult::Verdict::accept : AclResult::Verdict::drop)
        << address;
    if (!welcome) {
      EXPECT_EQ(answer.message, "no service for " + client.peer.address);
    }
    EXPECT_EQ(run(Phase::rcpt).verdict, AclResult::Verdict::accept);
    EXPECT_FALSE(policy::may_wait(*world.policy, Phase::connect));
  }
}

}  // namespace
