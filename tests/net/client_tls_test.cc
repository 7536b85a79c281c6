// SPDX-License-Identifier: Apache-2.0
//
// A Client and TLS: whom it believes, what it does without, what it remembers.
#include <algorithm>

#include "base/clock.h"
#include "net/client.h"
#include "tests/net/net_fixture.h"
#include "tests/support/certificates.h"

namespace net {
namespace {

using support::certificate;
using Use = ClientTls::Use;
using Verify = TlsClientSetting::Verify;
using Kind = smtp::Breakdown::Kind;

// What a server saw of one connection.
struct Visit {
  base::Result<TlsFacts> handshake = base::fail(base::Code::usage, "never begun");
  std::vector<std::string> surprises;
};

// follow(), with one step more: "tls" shakes hands.
asio::awaitable<void> serve_tls(Listener& at, TlsKeys& keys, TlsSetting setting,
                                Script script, Visit& visit) {
  Stream stream = co_await at.accept();
  LineReader lines(stream, 1000);
  for (const std::string& step : script) {
    if (step == "close") co_return;
    if (step == "tls") {
      visit.handshake = co_await stream.accept_tls(keys, setting, {}, kPatience);
      if (!visit.handshake) co_return;
    } else if (step.starts_with("S: ")) {
      std::string line = step.substr(3) + "\r\n";
      co_await stream.write(line, kPatience);
    } else {
      LineReader::Line line = co_await lines.next(kPatience);
      if (line.text != step.substr(3))
        visit.surprises.push_back("wanted " + step + ", got " + std::string(line.text));
    }
  }
}

const Script kOffer = {"S: 220 mx", "C: EHLO me.example",
                       "S: 250-mx\r\n250-LIMITS MAILMAX=3\r\n250 STARTTLS"};
const Script kStart = {"S: 220 mx",
                       "C: EHLO me.example",
                       "S: 250-mx\r\n250-LIMITS MAILMAX=3\r\n250 STARTTLS",
                       "C: STARTTLS",
                       "S: 220 go",
                       "tls",
                       "C: EHLO me.example",
                       "S: 250-mx\r\n250-LIMITS MAILMAX=7\r\n250-PIPELINING\r\n250 "
                       "AUTH PLAIN",
                       "C: QUIT",
                       "S: 221 bye"};

class ClientTlsTest : public NetTest {
 protected:
  ClientTlsTest() {
    options.helo_name = "me.example";
    options.tls.use = Use::may;
    options.tls.sessions = &sessions;
    options.tls.target.setting.verify_certificates = certificate("ca.pem");
    options.tls.target.sni = "mx.test";
    options.tls.target.names = {"mx.test"};
    serving.certificates = certificate("mx.pem");
    serving.keys = certificate("mx.key");
  }

  // One connection to a server that follows `script`.
  Visit converse(Script script) {
    Visit visit;
    failure.reset();
    facts.reset();
    tasks.spawn(serve_tls(*at, keys, serving, std::move(script), visit));
    tasks.spawn(talk());
    run();
    EXPECT_EQ(visit.surprises, std::vector<std::string>());
    return visit;
  }

  asio::awaitable<void> talk() {
    auto opened = co_await Client::open(at->local(), options);
    if (!opened) {
      failure = opened.error();
      co_return;
    }
    Client client = std::move(*opened);
    if (client.tls()) facts = *client.tls();
    server = client.server();
    authenticated = client.authenticated();
    co_await client.quit();
  }

  Listener* at = &listener;
  base::SystemClock clock;
  TlsKeys keys{clock};
  TlsSetting serving;
  TlsClientSessions sessions;
  Client::Options options;
  smtp::Capabilities server;
  std::optional<TlsFacts> facts;  // none: in the clear
  std::optional<smtp::Breakdown> failure;
  std::string authenticated;
};

TEST_F(ClientTlsTest, SaysHelloAgainUnderTls) {
  options.login = ClientLogin{"kim", "secret"};
  Script script = kStart;
  script.insert(script.end() - 2, {"C: AUTH PLAIN AGtpbQBzZWNyZXQ=", "S: 235"});
  Visit visit = converse(script);
  ASSERT_TRUE(visit.handshake && facts) << (failure ? failure->text() : "");
  EXPECT_EQ(facts->cipher, visit.handshake->cipher);
  EXPECT_EQ(facts->version, "TLS1.3");
  EXPECT_EQ(visit.handshake->sni, "mx.test");
  EXPECT_TRUE(facts->verified);
  EXPECT_EQ(facts->peer_dn, "CN=mx.test");
  // What was said in the clear is forgotten.
  EXPECT_TRUE(server.pipelining);
  EXPECT_FALSE(server.starttls);
  EXPECT_EQ(server.limits.mails, 7u);
  EXPECT_EQ(authenticated, "PLAIN");
}

TEST_F(ClientTlsTest, SpeaksTlsAtOnce) {
  options.protocol = Client::Protocol::smtps;
  converse({"tls", "S: 220 mx", "C: EHLO me.example", "S: 250 mx", "C: QUIT"});
  ASSERT_TRUE(facts) << (failure ? failure->text() : "");
  EXPECT_TRUE(facts->verified);
}

TEST_F(ClientTlsTest, VerifiesAsItIsTold) {
  struct Row {
    const char* what;
    Verify verify;
    std::string certificate;  // of the server
    std::vector<std::string> names;
    bool verified;
    std::string trouble;  // empty: mail can go
  };
  const Row rows[] = {
      {"good", Verify::must, "mx", {"mx.test"}, true, ""},
      {"one name of two", Verify::must, "mx", {"a.test", "mx.test"}, true, ""},
      {"any name", Verify::must, "mx", {}, true, ""},
      {"wrong name", Verify::must, "mx", {"a.test"}, false, "hostname mismatch"},
      {"wrong name, tried", Verify::attempt, "mx", {"a.test"}, false, ""},
      {"stranger", Verify::must, "stranger", {}, false, "self-signed certificate"},
      {"stranger, tried", Verify::attempt, "stranger", {}, false, ""},
      {"good, but nobody asked", Verify::none, "mx", {"mx.test"}, false, ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    serving.certificates = certificate(row.certificate + ".pem");
    serving.keys = certificate(row.certificate + ".key");
    options.tls.use = Use::must;
    options.tls.target.setting.verify = row.verify;
    options.tls.target.names = row.names;
    converse(kStart);
    EXPECT_EQ(failure.has_value(), !row.trouble.empty());
    if (failure) {
      EXPECT_EQ(failure->kind, Kind::tls_failed);
      EXPECT_EQ(failure->stage, "STARTTLS");
      EXPECT_TRUE(failure->text().contains(row.trouble)) << failure->text();
    } else {
      ASSERT_TRUE(facts);
      EXPECT_EQ(facts->verified, row.verified);
    }
  }
}

TEST_F(ClientTlsTest, KnowsRevokedCertificates) {
  serving.certificates = certificate("revoked.pem");
  serving.keys = certificate("revoked.key");
  options.tls.target.setting.verify = Verify::must;
  options.tls.target.setting.revocations = certificate("crl.pem");
  options.tls.target.names.clear();
  converse(kStart);
  ASSERT_TRUE(failure);
  EXPECT_TRUE(failure->text().contains("certificate revoked")) << failure->text();
}

TEST_F(ClientTlsTest, ShowsItsOwnCertificate) {
  serving.verify = TlsSetting::Verify::must;
  serving.verify_certificates = certificate("ca.pem");
  options.tls.target.setting.certificate = certificate("client.pem");
  options.tls.target.setting.key = certificate("client.key");
  Visit visit = converse(kStart);
  ASSERT_TRUE(visit.handshake && facts);
  EXPECT_TRUE(visit.handshake->verified);
  EXPECT_EQ(facts->our_certificate, visit.handshake->peer_certificate);
}

// Queue-run 7.2: what becomes of a server that does not want to, or cannot.
TEST_F(ClientTlsTest, Q35_GoesOnInTheClearWhereItMay) {
  const Script clear = {"C: QUIT"};
  const Script refuse_later = {"C: STARTTLS", "S: 454 not now"};
  const Script refuse = {"C: STARTTLS", "S: 502 never"};
  struct Row {
    const char* what;
    Use use;
    bool tryclear;
    Script script;  // behind the first EHLO
    std::optional<Kind> trouble;
    std::string text = {};
  };
  const Row rows[] = {
      {"never", Use::never, true, {}, {}},
      {"refused", Use::may, true, refuse, {}},
      {"refused for now", Use::may, true, refuse_later, {}},
      {"refused for now, and no tempfail_tryclear", Use::may, false, refuse_later,
       Kind::tls_required,
       "TLS is required: SMTP error from remote mail server after STARTTLS: "
       "454 not now"},
      {"refused, and no tempfail_tryclear", Use::may, false, refuse, {}},
      {"must", Use::must, true, refuse, Kind::tls_required},
      {"must, later", Use::must, true, refuse_later, Kind::tls_required},
      {"it hangs up", Use::may, true, {"C: STARTTLS", "S: 421 busy"}, Kind::refused},
      {"it goes", Use::may, true, {"C: STARTTLS", "close"}, Kind::closed},
      {"it goes in the handshake",
       Use::may,
       true,
       {"C: STARTTLS", "S: 220 go", "close"},
       Kind::tls_failed,
       "TLS handshake failed: the server closed the connection"},
      // CVE-2021-38371: said by whoever sits between.
      {"TL-1: it says more before the handshake",
       Use::may,
       true,
       {"C: STARTTLS", "S: 220 go\r\n250 all yours"},
       Kind::malformed},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    options.tls.use = row.use;
    options.tls.tempfail_tryclear = row.tryclear;
    Script script = kOffer;
    script.insert(script.end(), row.script.begin(), row.script.end());
    if (!row.trouble) script.push_back("C: QUIT");
    converse(script);
    EXPECT_FALSE(facts);
    EXPECT_EQ(failure.has_value(), row.trouble.has_value());
    if (failure && row.trouble) {
      EXPECT_EQ(failure->kind, *row.trouble);
    }
    if (failure && !row.text.empty()) {
      EXPECT_EQ(failure->text(), row.text);
    }
    // RFC 9422: limits said in the clear by who offers TLS do not count.
    if (!failure) {
      EXPECT_EQ(server.limits.mails, 0u);
    }
  }
  options.tls.use = Use::must;
  converse({"S: 220 mx", "C: EHLO me.example", "S: 250 mx"});
  EXPECT_EQ(failure->text(), "TLS is required: the server does not offer it");
  // A server that offers no TLS may limit us.
  options.tls.use = Use::may;
  converse({"S: 220 mx", "C: EHLO me.example", "S: 250-mx\r\n250 LIMITS MAILMAX=3",
            "C: QUIT"});
  EXPECT_EQ(server.limits.mails, 3u);
}

TEST_F(ClientTlsTest, TellsASettingThatCannotBeFromAServerThatIsWrong) {
  options.tls.target.setting.verify_certificates = "/nowhere/ca.pem";
  EXPECT_EQ(sessions.check(options.tls.target.setting).error().code,
            base::Code::config);
  converse({"S: 220 mx", "C: EHLO me.example", "S: 250-mx\r\n250 STARTTLS",
            "C: STARTTLS", "S: 220 go"});
  EXPECT_EQ(failure->kind, Kind::local);
  EXPECT_TRUE(failure->text().contains("/nowhere/ca.pem")) << failure->text();
}

class ClientTlsSessions : public ClientTlsTest {
 protected:
  ClientTlsSessions() { serving.tickets = true; }

  // Whether a connection took up a session of before; both sides must agree.
  bool resumed() {
    Visit visit = converse(kStart);
    if (!visit.handshake || !facts) {
      ADD_FAILURE() << (failure ? failure->text() : "no TLS");
      return false;
    }
    const bool ours = (facts->resumption & 16U) != 0;
    EXPECT_EQ(ours, (visit.handshake->resumption & 16U) != 0);
    EXPECT_TRUE(facts->verified);
    return ours;
  }
};

TEST_F(ClientTlsSessions, AreTakenUpAgain) {
  for (const char* ciphers :
       {"TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"}) {
    options.tls.target.setting.ciphers = serving.ciphers = ciphers;
    options.tls.target.setting.verify = Verify::must;
    EXPECT_FALSE(resumed());
    EXPECT_EQ(facts->resumption & 7U, 3U);
    EXPECT_TRUE(resumed());
    EXPECT_EQ(facts->resumption & 7U, 7U);
    EXPECT_EQ(facts->peer_dn, "CN=mx.test");
    EXPECT_TRUE(resumed());
  }
  options.tls.target.resume = false;
  EXPECT_FALSE(resumed());
  EXPECT_EQ(facts->resumption, 1U);
}

TEST_F(ClientTlsSessions, RS8_AreNotTakenUpWhereAnythingIsDifferent) {
  EXPECT_FALSE(resumed());
  const Client::Options before = options;
  auto differs = [&](auto change) {
    options = before;
    EXPECT_TRUE(resumed());
    change();
    const bool again = resumed();
    options = before;
    return !again;
  };
  EXPECT_TRUE(differs([&] { options.tls.target.sni = "other.test"; }));
  EXPECT_TRUE(differs([&] { options.tls.target.names = {"x.test", "mx.test"}; }));
  EXPECT_TRUE(
      differs([&] { options.tls.target.setting.ciphers = "TLS_AES_128_GCM_SHA256"; }));
  EXPECT_TRUE(differs([&] { options.tls.target.setting.verify = Verify::must; }));
  EXPECT_TRUE(differs([&] { options.bind = "127.0.0.9"; }));
  EXPECT_TRUE(differs([&] {
    options.tls.target.setting.certificate = certificate("client.pem");
    options.tls.target.setting.key = certificate("client.key");
  }));
  Listener other_port = std::move(*Listener::open(loop, {"127.0.0.1", 0}));
  EXPECT_TRUE(differs([&] { at = &other_port; }));
}

// A session that a server cannot read costs a full handshake, not a message.
TEST_F(ClientTlsSessions, OfAServerThatForgotAreOfNoUse) {
  EXPECT_FALSE(resumed());
  TlsKeys fresh(clock);
  Visit visit;
  tasks.spawn(serve_tls(listener, fresh, serving, kStart, visit));
  tasks.spawn(talk());
  run();
  ASSERT_TRUE(facts && visit.handshake);
  EXPECT_EQ(facts->resumption & 20U, 4U);
  EXPECT_TRUE(facts->verified);
}

// What was not verified once is not believed later because it is resumed.
TEST_F(ClientTlsSessions, KeepWhatWasFoundOutAboutTheCertificate) {
  options.tls.target.names = {"a.test"};
  converse(kStart);
  ASSERT_TRUE(facts);
  EXPECT_FALSE(facts->verified);
  converse(kStart);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->resumption & 16U, 16U);
  EXPECT_FALSE(facts->verified);
}

}  // namespace
}  // namespace net
