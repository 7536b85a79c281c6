// SPDX-License-Identifier: Apache-2.0
#include "receiver/authenticator.h"

#include "policy/scripted_context.h"
#include "policy/text_codes.h"
#include "tests/net/net_fixture.h"
#include "tests/policy/expanding.h"
#include "tests/support/temp_dir.h"

namespace receiver {
namespace {

using Kind = AuthStep::Kind;

constexpr std::string_view kPolicy = R"(
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and {{eq{$auth2}{kim}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${if and {{eq{$auth1}{kim}}{eq{$auth2}{secret}}}}
  server_set_id = $auth1
open:
  driver = plaintext
  public_name = X-OPEN
  server_advertise_condition = ${if eq{$sender_host_address}{192.0.2.1}}
  server_condition = $auth1
external:
  driver = external
  public_name = EXTERNAL
  server_param2 = from the certificate
  server_condition = ${if eq{$auth1 $auth2}{kim from the certificate}}
  server_set_id = $auth1
  server_mail_auth_condition = no
unserved:
  driver = plaintext
  public_name = X-CLIENT
  client_send = secret
certificate:
  driver = tls
  server_param = $tls_in_peerdn
  server_condition = ${if match{$auth1}{CN=kim}}
  server_set_id = ${sg{$auth1}{CN=}{}}
)";

std::string coded(std::string_view text) {
  return policy::to_base64(text);
}
std::string nul(std::string text) {
  std::ranges::replace(text, '|', '\0');
  return text;
}

struct AuthenticatorTest : net::NetTest {
  AuthenticatorTest() {
    context.variables["sender_host_address"] = "192.0.2.1";
    client.peer = client.socket_peer = {"192.0.2.1", 4711};
    client.local = {"192.0.2.2", 25};
  }
  void load(std::string_view text = kPolicy) {
    auto made = Authenticators::create(loop, expanding::loaded(text));
    ASSERT_TRUE(made) << made.error().text;
    all = std::move(*made);
    auth.emplace(all, context, client);
  }

  // What EHLO offers.
  std::vector<std::string> offered() {
    std::vector<std::string> names;
    tasks.spawn(offer(*auth, names, troubles));
    run();
    return names;
  }
  // The steps from AUTH on, as they are said: codes and texts.
  std::vector<std::string> talk(std::string mechanism,
                                std::optional<std::string> initial,
                                std::vector<std::string> lines = {},
                                bool unadvertised = false) {
    std::vector<std::string> said;
    tasks.spawn(exchange(*auth, mechanism, initial, lines, unadvertised, said, last));
    run();
    return said;
  }

  static asio::awaitable<void> offer(Authentication& auth,
                                     std::vector<std::string>& names,
                                     std::vector<std::string>& troubles) {
    auto offered = co_await auth.mechanisms(troubles);
    names = std::move(offered);
  }
  static asio::awaitable<void> exchange(Authentication& auth, std::string mechanism,
                                        std::optional<std::string> initial,
                                        std::vector<std::string> lines,
                                        bool unadvertised,
                                        std::vector<std::string>& said,
                                        AuthStep& last) {
    AuthStep step = co_await auth.begin(mechanism, initial, unadvertised);
    said.push_back(smtp::format_reply(step.reply));
    for (const std::string& line : lines) {
      EXPECT_EQ(auth.under_way(), step.kind == Kind::challenge);
      AuthStep next = co_await auth.answer(line);
      step = std::move(next);
      said.push_back(smtp::format_reply(step.reply));
    }
    EXPECT_EQ(auth.under_way(), step.kind == Kind::challenge);
    last = std::move(step);
  }

  policy::ScriptedContext context;
  Client client;
  std::shared_ptr<Authenticators> all;
  std::optional<Authentication> auth;
  std::vector<std::string> troubles;
  AuthStep last;
};

using Lines = std::vector<std::string>;

TEST_F(AuthenticatorTest, PasswordsAreNotOfferedBeforeTlsUnlessThePolicySaysSo) {
  load();
  EXPECT_EQ(offered(), (Lines{"X-OPEN", "EXTERNAL"}));
  EXPECT_EQ(talk("PLAIN", coded(nul("|kim|secret"))).back().substr(0, 9), "504 5.5.4");
  context.variables["sender_host_address"] = "192.0.2.9";
  client.tls.emplace();
  EXPECT_EQ(offered(), (Lines{"PLAIN", "LOGIN", "EXTERNAL"}));
  auth->forget();
  EXPECT_EQ(talk("PLAIN", coded(nul("|kim|secret"))).back().substr(0, 9), "503 5.5.1");
  EXPECT_EQ(talk("PLAIN", coded(nul("|kim|secret")), {}, true).back().substr(0, 3),
            "235");
  EXPECT_EQ(troubles, Lines());
}

TEST_F(AuthenticatorTest, PlainAndLoginTakeWhatTheyAreGiven) {
  load();
  client.tls.emplace();
  offered();
  struct Row {
    std::string mechanism;
    std::optional<std::string> initial;
    Lines lines;
    Lines said;
    std::string id;
  };
  std::string yes = "235 2.7.0", no = "535 5.7.8";
  for (const Row& row :
       {Row{"PLAIN", coded(nul("|kim|secret")), {}, {yes}, "kim"},
        Row{"plain", std::nullopt, {coded(nul("|kim|secret"))}, {"334 ", yes}, "kim"},
        Row{"PLAIN", coded(nul("|kim|wrong")), {}, {no}, "kim"},
        Row{"PLAIN", "", {}, {no}, ""},
        Row{"PLAIN", "not base64", {}, {"501 5.5.2"}, ""},
        Row{"PLAIN", "AAA", {}, {"501 5.5.2"}, ""},
        Row{"PLAIN", std::nullopt, {"*"}, {"334 ", "501 5.7.0"}, ""},
        Row{"PLAIN", std::nullopt, {"A\tA"}, {"334 ", "501 5.5.2"}, ""},
        Row{"LOGIN",
            std::nullopt,
            {coded("kim"), coded("secret")},
            {"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", yes},
            "kim"},
        Row{"LOGIN", coded("kim"), {coded("secret")}, {"334 UGFzc3dvcmQ6", yes}, "kim"},
        Row{"LOGIN", coded("kim"), {coded("wrong")}, {"334 UGFzc3dvcmQ6", no}, "kim"},
        Row{"EXTERNAL", coded("kim"), {}, {yes}, "kim"},
        Row{"EXTERNAL", std::nullopt, {coded("kim")}, {"334 ", yes}, "kim"},
        Row{"EXTERNAL", coded("lou"), {}, {no}, "lou"},
        Row{"X-CLIENT", coded("kim"), {}, {"504 5.5.4"}, ""},
        Row{"NTLM", std::nullopt, {}, {"504 5.5.4"}, ""}}) {
    Lines said = talk(row.mechanism, row.initial, row.lines);
    ASSERT_EQ(said.size(), row.said.size());
    for (std::size_t i = 0; i < said.size(); ++i)
      EXPECT_TRUE(said[i].starts_with(row.said[i])) << row.mechanism << said[i];
    EXPECT_EQ(last.kind == Kind::success, row.said.back() == yes);
    EXPECT_EQ(last.rejected, row.said.back() == no);
    EXPECT_EQ(last.login ? last.login->id : last.claimed, row.id);
    EXPECT_EQ(last.log.find("secret"), std::string::npos);
    EXPECT_EQ(last.log.find("wrong"), std::string::npos);
  }
  talk("PLAIN", coded(nul("|kim|secret")));
  EXPECT_EQ(last.login->authenticator, "plain");
  EXPECT_EQ(last.login->mechanism, "PLAIN");
  talk("PLAIN", coded(nul("|kim|wrong")));
  EXPECT_EQ(last.authenticator, "plain");
  EXPECT_EQ(last.log, "535 Incorrect authentication data (set_id=kim)");
}

TEST_F(AuthenticatorTest, AConditionThatIsNeitherTrueNorFalseLetsNobodyIn) {
  load();
  offered();
  for (std::string yes : {"1", "yes", "TRUE"})
    EXPECT_EQ(talk("X-OPEN", coded(yes)).back().substr(0, 3), "235") << yes;
  for (std::string no : {"", "0", "no", "false"})
    EXPECT_EQ(talk("X-OPEN", coded(no)).back().substr(0, 3), "535") << no;
  for (std::string maybe : {"kim", "2", "yes please"})
    EXPECT_EQ(talk("X-OPEN", coded(maybe)).back().substr(0, 3), "454") << maybe;
}

TEST_F(AuthenticatorTest, CertificatesLogInByThemselves) {
  load();
  EXPECT_FALSE(auth->by_certificate());
  client.tls.emplace();
  context.variables["tls_in_peerdn"] = "CN=lou";
  EXPECT_FALSE(auth->by_certificate());
  context.variables["tls_in_peerdn"] = "CN=kim";
  auto login = auth->by_certificate();
  ASSERT_TRUE(login);
  EXPECT_EQ(login->authenticator, "certificate");
  EXPECT_EQ(login->id, "kim");
}

TEST_F(AuthenticatorTest, SendersAreNamedByWhoMay) {
  load();
  EXPECT_TRUE(auth->may_name_sender({"plain", "PLAIN", "kim"}));
  EXPECT_FALSE(auth->may_name_sender({"external", "EXTERNAL", "kim"}));
  EXPECT_FALSE(auth->may_name_sender({"xclient", "", "kim"}));
}

TEST_F(AuthenticatorTest, AU6_ADovecotThatIsNotThereIsOfferedAndToldOnce) {
  support::TempDir dir;
  load(
      "begin authenticators\nd:\n driver = dovecot\n public_name = PLAIN\n"
      " server_socket = " +
      (dir / "none").string() + "\n");
  EXPECT_EQ(offered(), Lines());
  client.tls.emplace();
  EXPECT_EQ(offered(), Lines{"PLAIN"});
  EXPECT_EQ(offered(), Lines{"PLAIN"});
  EXPECT_EQ(troubles, Lines{"authenticator d: dovecot " + (dir / "none").string() +
                            ": No such file or directory"});
  EXPECT_EQ(talk("PLAIN", coded(nul("|kim|secret"))).back().substr(0, 9), "454 4.7.0");
}

TEST_F(AuthenticatorTest, WhatCannotBeServedIsSaidWhenItIsLoaded) {
  auto made = Authenticators::create(
      loop, expanding::loaded("begin authenticators\nd:\n driver = dovecot\n"
                              " public_name = PLAIN\n server_socket = nowhere\n"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().text,
            "authenticator d: server_socket: 'nowhere': write \"/path\" or \"host "
            "port\"");
}

}  // namespace
}  // namespace receiver
