// SPDX-License-Identifier: Apache-2.0
//
// AUTH as swaks and msmtp do it, against Dovecot and against the policy's own
// authenticators (spec/smtp-features.md 4).
#include <gmock/gmock.h>

#include "tests/e2e/receive_peers.h"
#include "tests/support/certificates.h"
#include "tests/support/dovecot_server.h"

namespace {

using receive_tests::h_text;
using receive_tests::only_message;
using receive_tests::option;
using receive_tests::Receiver;
using receive_tests::swaks;
using receiver_test::Peer;
using support::DovecotServer;
using support::Outcome;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

// Nobody sends mail who has not said who he is.
const std::string kAuthenticated =
    "acl_smtp_rcpt = rcpt\nbegin acl\nrcpt:\n accept authenticated = *\n"
    "begin authenticators\n";
// Passwords are for TLS, unless somebody says otherwise.
const std::string kInTheClear = " server_advertise_condition = true\n";

std::string by_dovecot(const std::string& socket) {
  std::string text = kAuthenticated;
  for (auto [name, mechanism] : {std::pair{"dove_plain", "PLAIN"},
                                 {"dove_login", "LOGIN"},
                                 {"dove_cram", "CRAM-MD5"}})
    text += std::string(name) + ":\n driver = dovecot\n public_name = " + mechanism +
            "\n server_socket = " + socket + "\n server_set_id = $auth1\n" +
            kInTheClear;
  return text;
}

std::string by_policy() {
  return kAuthenticated +
         "own_plain:\n driver = plaintext\n public_name = PLAIN\n server_prompts = :\n"
         " server_condition = ${if eq{$auth3}{secret}}\n server_set_id = $auth2\n" +
         kInTheClear +
         "own_login:\n driver = plaintext\n public_name = LOGIN\n"
         " server_prompts = Username:: : Password::\n"
         " server_condition = ${if eq{$auth2}{secret}}\n server_set_id = $auth1\n" +
         kInTheClear;
}

// "\0kim\0secret" and "\0kim\0wrong".
const std::string kRight = "AGtpbQBzZWNyZXQ=", kWrong = "AGtpbQB3cm9uZw==";

struct Greeted : Peer {
  explicit Greeted(const Receiver& receiver) : Peer(receiver.port()) {
    reply();
    offer = ask("EHLO c.test");
  }
  std::string offer;
};

void expect_login(const Receiver& receiver, const std::string& authenticator,
                  const std::string& mechanism, const std::string& user) {
  std::string h = only_message(receiver);
  EXPECT_EQ(option(h, "host_auth"), authenticator) << h;
  EXPECT_EQ(option(h, "host_auth_pubname"), mechanism);
  EXPECT_EQ(option(h, "auth_id"), user);
  EXPECT_EQ(option(h, "received_protocol"),
            option(h, "tls_ver") == "(none)" ? "esmtpa" : "esmtpsa");
  EXPECT_THAT(receiver.main_log(), HasSubstr(" A=" + authenticator + ":" + user + " "));
}

}  // namespace

TEST(ReceiveAuth, AU1_AU2_SwaksIsTakenByDovecotOnBothKindsOfSockets) {
  REQUIRE_PROGRAM("dovecot");
  REQUIRE_PROGRAM("swaks");
  DovecotServer dovecot;
  for (const std::string& socket : {dovecot.socket(), dovecot.inet()})
    for (auto [mechanism, name] : {std::pair{"PLAIN", "dove_plain"},
                                   {"LOGIN", "dove_login"},
                                   {"CRAM-MD5", "dove_cram"}}) {
      SCOPED_TRACE(mechanism + (" by " + socket));
      Receiver receiver(by_dovecot(socket));
      Outcome end = swaks(receiver.port(), {"--auth", mechanism, "--auth-user", "kim",
                                            "--auth-password", "secret"});
      EXPECT_EQ(end.status, 0) << end.out << end.err << receiver.main_log();
      EXPECT_THAT(end.out, HasSubstr("\n<-  235 2.7.0")) << end.out;
      expect_login(receiver, name, mechanism, "kim");
    }
}

TEST(ReceiveAuth, ThePolicysOwnAuthenticatorsTakeSwaks) {
  REQUIRE_PROGRAM("swaks");
  for (auto [mechanism, name] :
       {std::pair{"PLAIN", "own_plain"}, {"LOGIN", "own_login"}}) {
    Receiver receiver(by_policy());
    Outcome end = swaks(receiver.port(), {"--auth", mechanism, "--auth-user", "kim",
                                          "--auth-password", "secret"});
    EXPECT_EQ(end.status, 0) << end.out << end.err;
    expect_login(receiver, name, mechanism, "kim");

    end = swaks(receiver.port(), {"--auth", mechanism, "--auth-user", "kim",
                                  "--auth-password", "wrong"});
    EXPECT_NE(end.status, 0);
    EXPECT_THAT(end.out, HasSubstr("\n<** 535 5.7.8"));
    EXPECT_THAT(receiver.ids(), SizeIs(1));
  }
}

TEST(ReceiveAuth, MsmtpSendsOverTls) {
  REQUIRE_PROGRAM("dovecot");
  REQUIRE_PROGRAM("msmtp");
  DovecotServer dovecot;
  for (const char* start : {"on", "off"})
    for (auto [mechanism, name] : {std::pair{"plain", "dove_plain"},
                                   {"login", "dove_login"},
                                   {"cram-md5", "dove_cram"}}) {
      SCOPED_TRACE(mechanism);
      std::string entrance =
          *start == 'o' && start[1] == 'n' ? "127.0.0.1:0" : "127.0.0.1:0/smtps";
      Receiver receiver("tls_certificate = " + support::certificate("mx.pem") +
                            "\ntls_privatekey = " + support::certificate("mx.key") +
                            "\n" + by_dovecot(dovecot.socket()),
                        {"--listen", entrance});
      Outcome end = support::run(
          {.program = "msmtp",
           .args = {"--file=/dev/null", "--host=127.0.0.1",
                    "--port=" + std::to_string(receiver.port()), "--tls=on",
                    std::string("--tls-starttls=") + start, "--tls-certcheck=off",
                    std::string("--auth=") + mechanism, "--user=kim",
                    "--passwordeval=echo secret", "--from=a@x.test", "b@y.test"},
           .input = "Subject: from msmtp\n\nx\n"});
      EXPECT_EQ(end.status, 0) << end.out << end.err << receiver.main_log();
      std::string public_name;
      for (const char* c = mechanism; *c; ++c)
        public_name += static_cast<char>(std::toupper(*c));
      expect_login(receiver, name, public_name, "kim");
    }
}

TEST(ReceiveAuth, AU3_PlainWithoutInitialResponseIsAskedForNothing) {
  REQUIRE_PROGRAM("dovecot");
  DovecotServer dovecot;
  for (const std::string& config :
       {by_dovecot(dovecot.socket()), by_dovecot(dovecot.inet()), by_policy()}) {
    Receiver receiver(config);
    Greeted peer(receiver);
    EXPECT_THAT(peer.offer, HasSubstr("AUTH PLAIN LOGIN"));
    EXPECT_EQ(peer.ask("AUTH PLAIN"), "334 \n");
    EXPECT_THAT(peer.ask(kRight), StartsWith("235 2.7.0"));
  }
}

TEST(ReceiveAuth, AU4_AStarCancelsAndTheNextAttemptIsFree) {
  REQUIRE_PROGRAM("dovecot");
  DovecotServer dovecot;
  for (const std::string& config : {by_dovecot(dovecot.socket()), by_policy()}) {
    Receiver receiver(config);
    Greeted peer(receiver);
    EXPECT_EQ(peer.ask("AUTH PLAIN"), "334 \n");
    EXPECT_THAT(peer.ask("*"), StartsWith("501 5.7.0"));
    EXPECT_THAT(peer.ask("AUTH LOGIN"), StartsWith("334 "));
    EXPECT_THAT(peer.ask("a2lt"), StartsWith("334 "));
    EXPECT_THAT(peer.ask("*"), StartsWith("501 5.7.0"));
    EXPECT_THAT(peer.ask("AUTH PLAIN " + kRight), StartsWith("235"));
    EXPECT_THAT(peer.ask("AUTH PLAIN " + kRight), StartsWith("503"));
  }
}

TEST(ReceiveAuth, AU5_AWrongPasswordIsRefusedLateAndNobodyElseWaits) {
  REQUIRE_PROGRAM("dovecot");
  DovecotServer dovecot;
  Receiver receiver(by_dovecot(dovecot.socket()));
  Greeted slow(receiver), quick(receiver);
  slow.send("AUTH PLAIN " + kWrong + "\r\n");
  EXPECT_THAT(quick.ask("AUTH PLAIN " + kRight), StartsWith("235"));
  EXPECT_THAT(slow.reply(), StartsWith("535 5.7.8"));
  // How long Dovecot lets pass is its affair: about two seconds.
  EXPECT_THAT(receiver.main_log(), HasSubstr("dove_plain authenticator failed for "
                                             "(c.test) [127.0.0.1]: 535 "));
}

TEST(ReceiveAuth, AU12_AUserNameArrivesAsItIs) {
  REQUIRE_PROGRAM("dovecot");
  REQUIRE_PROGRAM("swaks");
  DovecotServer dovecot;
  for (const std::string& user :
       {std::string("kim and more"), std::string("\"kim\"@x.test"),
        std::string("k\xc3\xafm"), std::string("a\\b=c+d")})
    for (const std::string& config :
         {by_dovecot(dovecot.socket()), by_dovecot(dovecot.inet()), by_policy()}) {
      SCOPED_TRACE(user);
      Receiver receiver(config);
      Outcome end = swaks(receiver.port(), {"--auth", "PLAIN", "--auth-user", user,
                                            "--auth-password", "secret"});
      EXPECT_EQ(end.status, 0) << end.out << end.err << receiver.main_log();
      EXPECT_EQ(option(only_message(receiver), "auth_id"), user);
    }
}
