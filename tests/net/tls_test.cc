// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/net/tls_peers.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_clock.h"
#include "tests/support/peers.h"

namespace net {
namespace {

using Verify = TlsSetting::Verify;
using support::certificate;
using testing::Test;

TlsSetting setting_of(const std::string& name) {
  TlsSetting setting;
  setting.certificates = certificate(name + ".pem");
  setting.keys = certificate(name + ".key");
  return setting;
}

struct TlsTest : Test {
  // What `openssl s_client` says, having said "hello" and "quit".
  std::string client(const TlsServer& server, const std::string& more = "") {
    std::vector<std::string> args = {"s_client", "-connect", server.address(),
                                     "-ign_eof"};
    std::istringstream words(more);
    for (std::string word; words >> word;) args.push_back(word);
    auto done =
        support::run({.program = "openssl", .args = args, .input = "hello\nquit\n"});
    return done.out + done.err;
  }

  support::FakeClock clock;
  TlsKeys keys{clock};
  support::TempDir dir;
};

TEST_F(TlsTest, TL7_FactsAreWhatTheClientSees) {
  TlsServer server({keys, setting_of("mx")});
  struct Row {
    std::string options, version, cipher, bits;
  };
  for (const Row& row : {Row{"-tls1_3", "TLS1.3", "TLS_AES_256_GCM_SHA384", "256"},
                         Row{"-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256", "TLS1.3",
                             "TLS_AES_128_GCM_SHA256", "128"},
                         Row{"-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", "TLS1.2",
                             "ECDHE-RSA-AES256-GCM-SHA384", "256"},
                         Row{"-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256", "TLS1.2",
                             "DHE-RSA-AES128-GCM-SHA256", "128"}}) {
    std::string said = client(server, row.options + " -servername mx.test");
    TlsVisit visit = server.visit();
    ASSERT_TRUE(visit.handshake) << visit.handshake.error().text;
    EXPECT_EQ(visit.handshake->version, row.version);
    EXPECT_EQ(visit.handshake->cipher, row.version + ":" + row.cipher + ":" + row.bits);
    EXPECT_EQ(std::to_string(visit.handshake->bits), row.bits);
    EXPECT_EQ(visit.handshake->sni, "mx.test");
    EXPECT_TRUE(visit.handshake->standard_cipher.starts_with("TLS_"));
    EXPECT_EQ(visit.handshake->ocsp, 0u);
    EXPECT_EQ(visit.lines, (std::vector<std::string>{"hello", "quit"}));
    EXPECT_EQ(visit.end, "quit");
    EXPECT_NE(said.find("Cipher is " + row.cipher), std::string::npos) << said;
    EXPECT_NE(said.find("you said hello"), std::string::npos) << said;
    EXPECT_NE(said.find(visit.handshake->our_certificate), std::string::npos);
  }
}

TEST_F(TlsTest, TL5_OlderVersionsFailAndPlaintextGoesOn) {
  TlsServer server({keys, setting_of("mx")});
  TlsClient client(server.port());
  SSL_set_security_level(client.ssl(), 0);
  SSL_set_min_proto_version(client.ssl(), TLS1_VERSION);
  SSL_set_max_proto_version(client.ssl(), TLS1_1_VERSION);
  EXPECT_FALSE(client.handshake());
  client.say_plainly("quit\n");
  TlsVisit visit = server.visit();
  ASSERT_FALSE(visit.handshake);
  EXPECT_EQ(visit.handshake.error().text, "unsupported protocol");
  EXPECT_EQ(visit.handshake.error().code, base::Code::permanent);
  EXPECT_EQ(visit.lines, std::vector<std::string>{"quit"});
}

TEST_F(TlsTest, WhatIsNoHandshakeFailsInOpenSslsWords) {
  TlsServer server({keys, setting_of("mx")});
  TlsClient client(server.port());
  client.say_plainly("NOOP and some more of it\r\n");
  client.hang_up();
  EXPECT_EQ(server.visit().handshake.error().text, "wrong version number");
}

TEST_F(TlsTest, TL10_TheNameSelectsTheCertificate) {
  auto for_name = [](std::string_view name) -> base::Result<TlsSetting> {
    if (name == "other.test") return setting_of("other");
    if (name == "missing.test") return setting_of("missing");
    return base::fail(base::Code::not_found, "nobody");
  };
  TlsServer server({keys, setting_of("mx"), for_name});
  struct Row {
    std::string options, subject, sni;
  };
  for (const Row& row :
       {Row{"-noservername", "CN = mx.test", ""},
        Row{"-servername other.test", "CN = other.test", "other.test"},
        Row{"-servername OTHER.test", "CN = other.test", "other.test"},
        Row{"-servername unknown.test", "CN = mx.test", "unknown.test"},
        Row{"-servername missing.test", "CN = mx.test", "missing.test"},
        Row{"-servername ../other.test", "CN = mx.test", ""}}) {
    for (std::string version : {" -tls1_2", " -tls1_3"}) {
      std::string said = client(server, row.options + version);
      EXPECT_NE(said.find("subject=" + row.subject), std::string::npos)
          << row.options << said;
      TlsVisit visit = server.visit();
      ASSERT_TRUE(visit.handshake) << visit.handshake.error().text;
      EXPECT_EQ(visit.handshake->sni, row.sni);
    }
  }
}

TEST_F(TlsTest, ANameThatCannotBeServedEndsTheHandshake) {
  auto for_name = [](std::string_view) -> base::Result<TlsSetting> {
    return base::fail(base::Code::temporary, "the lookup is down");
  };
  TlsServer server({keys, setting_of("mx"), for_name});
  client(server, "-servername mx.test");
  EXPECT_EQ(server.visit().handshake.error().text, "the lookup is down");
}

TEST_F(TlsTest, CertificatesOfSeveralKindsAreServedSideBySide) {
  TlsSetting both;
  both.certificates = certificate("mx.pem") + " : " + certificate("mx-ecdsa.pem");
  both.keys = certificate("mx.key") + ":" + certificate("mx-ecdsa.key");
  TlsServer server({keys, both});
  std::string rsa = client(server, "-tls1_2 -cipher aRSA");
  EXPECT_NE(rsa.find("signature type: RSA"), std::string::npos) << rsa;
  std::string ecdsa = client(server, "-tls1_2 -cipher aECDSA");
  EXPECT_NE(ecdsa.find("signature type: ECDSA"), std::string::npos) << ecdsa;
}

TEST_F(TlsTest, AlpnOfAnotherProtocolEndsTheHandshake) {
  TlsServer server({keys, setting_of("mx")});
  struct Row {
    std::string names;
    bool good;
  };
  for (const Row& row : {Row{"smtp", true}, Row{"esmtp", true}, Row{"http/1.1", false},
                         Row{"imap", false}, Row{"smtp,imap", false}}) {
    client(server, "-alpn " + row.names);
    EXPECT_EQ(server.visit().handshake.has_value(), row.good) << row.names;
  }
}

TEST_F(TlsTest, ClientsShowCertificatesWhereTheyAreAsked) {
  struct Row {
    Verify verify;
    std::string shown;  // "": none
    std::string trouble, dn;
    bool verified;
  };
  auto show = [](const std::string& name) {
    return name.empty() ? ""
                        : " -cert " + certificate(name + ".pem") + " -key " +
                              certificate(name + ".key");
  };
  for (const Row& row :
       {Row{Verify::no, "client", "", "", false}, Row{Verify::ask, "", "", "", false},
        Row{Verify::ask, "client", "", "CN=client\\, one,O=Test", true},
        Row{Verify::ask, "stranger", "", "CN=stranger", false},
        Row{Verify::ask, "revoked", "", "CN=revoked", false},
        Row{Verify::must, "", "peer did not return a certificate", "", false},
        Row{Verify::must, "client", "", "CN=client\\, one,O=Test", true},
        Row{Verify::must, "stranger",
            "certificate verify failed: self-signed certificate", "", false},
        Row{Verify::must, "revoked", "certificate verify failed: certificate revoked",
            "", false}}) {
    TlsSetting setting = setting_of("mx");
    setting.verify = row.verify;
    setting.verify_certificates = certificate("ca.pem");
    setting.revocations = certificate("crl.pem");
    TlsServer server({keys, setting});
    client(server, show(row.shown));
    TlsVisit visit = server.visit();
    ASSERT_EQ(visit.handshake.has_value(), row.trouble.empty()) << row.shown;
    if (!visit.handshake) {
      EXPECT_EQ(visit.handshake.error().text, row.trouble);
      continue;
    }
    EXPECT_EQ(visit.handshake->peer_dn, row.dn);
    EXPECT_EQ(visit.handshake->verified, row.verified) << row.shown;
    EXPECT_EQ(visit.handshake->peer_certificate.empty(), row.dn.empty());
  }
}

TEST_F(TlsTest, AProofIsStapledForWhoAsks) {
  TlsSetting setting = setting_of("mx");
  {
    TlsServer server({keys, setting});
    client(server, "-status");
    EXPECT_EQ(server.visit().handshake->ocsp, 1u);
  }
  setting.ocsp_file = certificate("mx.ocsp");
  TlsServer server({keys, setting});
  std::string said = client(server, "-status");
  EXPECT_NE(said.find("OCSP Response Status: successful"), std::string::npos) << said;
  EXPECT_EQ(server.visit().handshake->ocsp, 4u);
  client(server);
  EXPECT_EQ(server.visit().handshake->ocsp, 0u);
}

TEST_F(TlsTest, ListsOfAlgorithmsAreKept) {
  TlsSetting setting = setting_of("mx");
  setting.ciphers = "TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES128-GCM-SHA256";
  setting.curves = "P-384";
  TlsServer server({keys, setting});
  client(server);
  EXPECT_EQ(server.visit().handshake->cipher,
            "TLS1.3:TLS_CHACHA20_POLY1305_SHA256:256");
  client(server, "-tls1_2");
  EXPECT_EQ(server.visit().handshake->cipher, "TLS1.2:ECDHE-RSA-AES128-GCM-SHA256:128");
  client(server, "-groups P-256");
  EXPECT_FALSE(server.visit().handshake);
  setting.ciphers = "TLS_AES_128_GCM_SHA256";
  TlsServer newest({keys, setting});
  client(newest, "-tls1_2");
  EXPECT_EQ(newest.visit().handshake.error().text, "unsupported protocol");
}

struct TlsTickets : TlsTest {
  TlsTickets() { setting.tickets = true; }
  // Comes with the session that was saved, if any, and saves the one it gets.
  std::string visit(const TlsServer& server, const std::string& options) {
    std::string file = (dir / "session").string();
    std::string more = options + " -sess_out " + file;
    if (std::filesystem::exists(file)) more += " -sess_in " + file;
    return client(server, more);
  }
  static bool reused(const std::string& said) {
    return said.find("Reused, TLS") != std::string::npos;
  }
  TlsSetting setting = setting_of("mx");
};

TEST_F(TlsTickets, RS1_RS6_TheSecondConnectionResumes) {
  TlsServer server({keys, setting});
  for (std::string version : {"-tls1_2", "-tls1_3"}) {
    std::filesystem::remove(dir / "session");
    EXPECT_FALSE(reused(visit(server, version)));
    EXPECT_EQ(server.visit().handshake->resumption, 11u) << version;
    EXPECT_TRUE(reused(visit(server, version))) << version;
    EXPECT_EQ(server.visit().handshake->resumption, 23u) << version;
  }
}

TEST_F(TlsTickets, RS2_AfterTwoRotationsTheHandshakeIsWhole) {
  TlsServer server({keys, setting});
  for (std::string version : {"-tls1_2", "-tls1_3"}) {
    std::filesystem::remove(dir / "session");
    visit(server, version);
    server.visit();
    clock.advance(7200s);
    EXPECT_FALSE(reused(visit(server, version)));
    EXPECT_EQ(server.visit().handshake->resumption, 15u) << version;
  }
}

TEST_F(TlsTickets, RS3_AnOldTicketResumesAndIsReplaced) {
  TlsServer server({keys, setting});
  for (std::string version : {"-tls1_2", "-tls1_3"}) {
    std::filesystem::remove(dir / "session");
    clock.advance(3600s);  // begins with a new key
    visit(server, version);
    server.visit();
    clock.advance(3700s);
    EXPECT_TRUE(reused(visit(server, version)));
    EXPECT_EQ(server.visit().handshake->resumption, 31u) << version;
    if (version == "-tls1_2") continue;  // s_client saves no ticket that replaces one
    clock.advance(3500s);                // the first ticket would be too old now
    EXPECT_TRUE(reused(visit(server, version)));
    server.visit();
  }
}

TEST_F(TlsTickets, RS4_WhoIsNotOfferedTicketsGetsNone) {
  setting.tickets = false;
  TlsServer server({keys, setting});
  for (std::string version : {"-tls1_2", "-tls1_3"}) {
    std::string said = client(server, version);
    EXPECT_EQ(said.find("session ticket"), std::string::npos) << said;
    EXPECT_EQ(server.visit().handshake->resumption, 3u);
  }
}

TEST_F(TlsTickets, AreNotTakenFromWhoIsNotOfferedThem) {
  for (std::string version : {"-tls1_2", "-tls1_3"}) {
    std::filesystem::remove(dir / "session");
    {
      TlsServer server({keys, setting});
      visit(server, version);
    }
    TlsSetting none = setting;
    none.tickets = false;
    TlsServer server({keys, none});
    EXPECT_FALSE(reused(visit(server, version)));
    EXPECT_EQ(server.visit().handshake->resumption, 7u) << version;
  }
}

TEST_F(TlsTickets, AreNotGivenWhereTheCertificateCounts) {
  setting.verify = Verify::ask;
  setting.verify_certificates = certificate("ca.pem");
  TlsServer server({keys, setting});
  client(server);
  EXPECT_EQ(server.visit().handshake->resumption, 3u);
}

TEST_F(TlsTickets, OfOneSettingDoNotResumeUnderAnother) {
  auto for_name = [this](std::string_view name) {
    TlsSetting chosen = name == "other.test" ? setting_of("other") : setting;
    chosen.tickets = true;
    return base::Result<TlsSetting>(chosen);
  };
  TlsServer server({keys, setting, for_name});
  for (std::string version : {"-tls1_2", "-tls1_3"}) {
    std::filesystem::remove(dir / "session");
    visit(server, version + " -servername mx.test");
    EXPECT_FALSE(reused(visit(server, version + " -servername other.test")));
    EXPECT_TRUE(reused(visit(server, version + " -servername other.test"))) << version;
  }
}

TEST_F(TlsTickets, RS7_ARestartForgetsThemAndNobodyFails) {
  for (std::string version : {"-tls1_2", "-tls1_3"}) {
    std::filesystem::remove(dir / "session");
    {
      TlsServer server({keys, setting});
      visit(server, version);
    }
    TlsKeys fresh(clock);
    TlsServer server({fresh, setting});
    EXPECT_FALSE(reused(visit(server, version)));
    TlsVisit after = server.visit();
    EXPECT_EQ(after.handshake->resumption, 15u);
    EXPECT_EQ(after.end, "quit");
  }
}

TEST_F(TlsTickets, RS10_EarlyDataIsRefused) {
  std::ofstream(dir / "early") << "MAIL FROM:<>\n";
  TlsServer server({keys, setting});
  visit(server, "-tls1_3");
  server.visit();
  std::string said = visit(server, "-tls1_3 -early_data " + (dir / "early").string());
  EXPECT_EQ(said.find("Early data was accepted"), std::string::npos) << said;
  EXPECT_EQ(server.visit().lines.front(), "hello");
}

asio::awaitable<void> start_tls(const TlsService& service, Stream& stream,
                                TlsVisit& visit) {
  LineReader lines(stream, 1000);
  co_await lines.next(kPatience);
  EXPECT_TRUE(lines.has_line());
  lines.forget();
  EXPECT_FALSE(lines.has_line());
  co_await stream.write("220 go\n", kPatience);
  co_await service.handshake(stream, visit);
  LineReader::Line line = co_await lines.next(kPatience);
  visit.lines.emplace_back(line.text);
}

TEST_F(TlsTest, TL1_WhatWasReadBeforeNeverGetsIntoTls) {
  TlsServer server({keys, setting_of("mx")}, start_tls);
  TlsClient client(server.port());
  client.say_plainly("STARTTLS\r\nNOOP\r\n");
  char reply[7];
  ASSERT_EQ(::recv(client.socket(), reply, sizeof reply, MSG_WAITALL), 7);
  EXPECT_TRUE(client.handshake());
  client.say("first\r\n");
  TlsVisit visit = server.visit();
  EXPECT_TRUE(visit.handshake);
  EXPECT_EQ(visit.lines, std::vector<std::string>{"first"});
}

asio::awaitable<void> tls_behind_proxy(const TlsService& service, Stream& stream,
                                       TlsVisit& visit) {
  LineReader lines(stream, 1000);
  co_await lines.next(kPatience);
  co_await lines.some(kPatience);  // some of the hello is here for sure
  std::string first = lines.take();
  co_await service.handshake(stream, visit, first);
  co_await echo(stream, visit);
}

TEST_F(TlsTest, WhatFollowsAProxyHeaderBelongsToTheHandshake) {
  TlsServer server({keys, setting_of("mx")}, tls_behind_proxy);
  TlsClient client(server.port());
  client.say_plainly("PROXY UNKNOWN\r\n");
  EXPECT_TRUE(client.handshake());
  client.say("quit\n");
  EXPECT_EQ(client.hear(), "you said quit\n");
  EXPECT_EQ(server.visit().lines, std::vector<std::string>{"quit"});
}

TEST_F(TlsTest, TL6_TL8_AStalledHandshakeEndsInTimeAndNothingWasSaid) {
  TlsServer server({keys, setting_of("mx"), {}, 20ms});
  TlsClient client(server.port());
  char byte;
  EXPECT_EQ(::recv(client.socket(), &byte, 1, 0), 0);
  EXPECT_EQ(server.visit().end,
            boost::system::error_code(boost::asio::error::timed_out).message());
}

TEST_F(TlsTest, TL9_AnEndThatTlsDidNotAnnounceIsALostConnection) {
  TlsServer server({keys, setting_of("mx")});
  TlsClient client(server.port());
  ASSERT_TRUE(client.handshake());
  client.say("half a l");
  client.hang_up();
  TlsVisit visit = server.visit();
  EXPECT_TRUE(visit.handshake);
  EXPECT_NE(visit.end, "quit");
  EXPECT_TRUE(visit.lines.empty());
}

TEST_F(TlsTest, ClosingSaysGoodbye) {
  TlsServer server({keys, setting_of("mx")});
  TlsClient client(server.port());
  ASSERT_TRUE(client.handshake());
  client.say("quit\n");
  EXPECT_EQ(client.hear(), "you said quit\n");
  EXPECT_EQ(client.hear(), "");
  EXPECT_EQ(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN,
            SSL_RECEIVED_SHUTDOWN);
}

asio::awaitable<bool> until(const Stream& stream, bool (Stream::*holds)() const) {
  auto end = std::chrono::steady_clock::now() + kPatience;
  while (!(stream.*holds)() && std::chrono::steady_clock::now() < end)
    co_await sleep_for(1ms);
  co_return (stream.*holds)();
}

asio::awaitable<void> look_around(const TlsService& service, Stream& stream,
                                  TlsVisit& visit) {
  co_await service.handshake(stream, visit);
  EXPECT_FALSE(stream.input_waiting());
  co_await stream.write("go\n", kPatience);
  char bytes[1];
  std::span<char> one(bytes);
  co_await stream.read_some(one, kPatience);
  EXPECT_TRUE(stream.input_waiting()) << "of the same record";
  EXPECT_FALSE(stream.peer_gone());
  co_await stream.read_some(one, kPatience);
  co_await stream.write("more\n", kPatience);
  bool seen = co_await until(stream, &Stream::input_waiting);
  EXPECT_TRUE(seen) << "of another record";
  co_await stream.read_some(one, kPatience);
  bool left = co_await until(stream, &Stream::peer_gone);
  EXPECT_TRUE(left);
  EXPECT_FALSE(stream.input_waiting());
}

TEST_F(TlsTest, InputIsSeenDecryptedOrNotAndSoIsAPeerThatLeft) {
  TlsServer server({keys, setting_of("mx")}, look_around);
  for (bool goodbye : {true, false}) {
    TlsClient client(server.port());
    ASSERT_TRUE(client.handshake());
    EXPECT_EQ(client.hear(), "go\n");
    client.say("ab");
    EXPECT_EQ(client.hear(), "more\n");
    client.say("c");
    if (goodbye) client.say_goodbye();
    client.hang_up();
    EXPECT_EQ(server.visit().end, "quit");
  }
}

constexpr std::size_t kMuch = 8 << 20;

asio::awaitable<void> pump(const TlsService& service, Stream& stream, TlsVisit& visit) {
  co_await service.handshake(stream, visit);
  std::string much(kMuch, 'x');
  co_await stream.write(much, kPatience);
  for (std::size_t got = 0; got < kMuch;)
    got += co_await stream.read_some(much, kPatience);
}

TEST_F(TlsTest, ManyBytesGoThroughBothWays) {
  TlsServer server({keys, setting_of("mx")}, pump);
  TlsClient client(server.port());
  ASSERT_TRUE(client.handshake());
  std::string block(1 << 16, 'y');
  for (std::size_t got = 0; got < kMuch;) {
    int count = SSL_read(client.ssl(), block.data(), static_cast<int>(block.size()));
    ASSERT_GT(count, 0);
    got += static_cast<std::size_t>(count);
  }
  for (std::size_t sent = 0; sent < kMuch; sent += block.size()) client.say(block);
  EXPECT_EQ(server.visit().end, "quit");
}

struct TlsFiles : TlsTest {
  TlsFiles() {
    setting.certificates = (dir / "cert.pem").string();
    setting.keys = (dir / "cert.key").string();
    put("mx", "cert.pem", ".pem");
    put("mx", "cert.key", ".key");
  }
  // As certbot does it: another file under the same name.
  void put(const std::string& name, const std::string& as, const std::string& kind) {
    std::filesystem::copy_file(certificate(name + kind), dir / "new");
    std::filesystem::rename(dir / "new", dir / as);
  }
  std::string subject(const TlsServer& server) {
    std::string said = client(server);
    std::size_t at = said.find("subject=");
    return at == std::string::npos ? said : said.substr(at, said.find('\n', at) - at);
  }
  TlsSetting setting;
};

TEST_F(TlsFiles, AreReadAgainWhenBothFitEachOther) {
  TlsServer server({keys, setting});
  EXPECT_EQ(subject(server), "subject=CN = mx.test");
  put("other", "cert.pem", ".pem");
  EXPECT_EQ(subject(server), "subject=CN = mx.test");
  auto checked = keys.check(setting);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, base::Code::config);
  EXPECT_NE(checked.error().text.find("cert.key: "), std::string::npos);
  put("other", "cert.key", ".key");
  EXPECT_EQ(subject(server), "subject=CN = other.test");
  EXPECT_TRUE(keys.check(setting));
}

TEST_F(TlsFiles, ThatAreGoneDoNotMatterToWhoReadThem) {
  TlsServer server({keys, setting});
  EXPECT_EQ(subject(server), "subject=CN = mx.test");
  std::filesystem::remove(dir / "cert.pem");
  EXPECT_EQ(subject(server), "subject=CN = mx.test");
  TlsKeys fresh(clock);
  TlsServer other({fresh, setting});
  client(other);
  auto handshake = other.visit().handshake;
  EXPECT_EQ(handshake.error().code, base::Code::config);
  EXPECT_EQ(handshake.error().text, (dir / "cert.pem").string() + ": no such file");
}

TEST_F(TlsFiles, ThatAreWrongAreNamed) {
  std::ofstream(dir / "junk") << "junk\n";
  auto locked =
      support::run({.program = "openssl",
                    .args = {"pkcs8", "-topk8", "-in", certificate("mx.key"), "-out",
                             (dir / "locked").string(), "-passout", "pass:secret"}});
  ASSERT_EQ(locked.status, 0) << locked.err;
  std::string pem = certificate("mx.pem"), key = certificate("mx.key");
  auto file = [&](const char* name) { return (dir / name).string(); };
  struct Row {
    TlsSetting setting;
    std::string text;
  };
  auto with = [](auto change) {
    TlsSetting changed = setting_of("mx");
    changed.verify = Verify::ask;
    changed.verify_certificates = certificate("ca.pem");
    change(changed);
    return changed;
  };
  for (
      const Row& row :
      {Row{with([](auto& s) { s.certificates = ""; }), "there is no certificate"},
       Row{with([&](auto& s) { s.certificates = file("none"); }), "none: no such file"},
       Row{with([&](auto& s) { s.certificates = file("junk"); }),
           "junk: no start line"},
       Row{with([&](auto& s) { s.certificates = dir.path().string(); }),
           ": is a directory; name a file"},
       Row{with([&](auto& s) { s.keys = certificate("other.key"); }),
           "other.key: different key types"},
       Row{with([&](auto& s) { s.keys = ""; }), "mx.pem: "},
       Row{with([&](auto& s) { s.keys = file("locked"); }), "locked: "},
       Row{with([&](auto& s) { s.certificates = pem + ":" + pem; }),
           "2 certificates, but 1 keys; name one for each"},
       Row{with([&](auto& s) {
             s.certificates = pem + ":" + pem;
             s.keys = key + ":" + key;
           }),
           "a second certificate of the kind rsaEncryption; one of each can be served"},
       Row{with([](auto& s) { s.ciphers = "NONSENSE"; }), "NONSENSE: no cipher match"},
       Row{with([](auto& s) { s.curves = "P-1"; }), "P-1: "},
       Row{with([&](auto& s) { s.dh_parameters = file("junk"); }), "junk: "},
       Row{with([&](auto& s) { s.ocsp_file = file("junk"); }), "junk: "},
       Row{with([&](auto& s) { s.verify_certificates = file("none"); }),
           "none: no such file"},
       Row{with([&](auto& s) { s.verify_certificates = file("junk"); }), "junk: "},
       Row{with([&](auto& s) { s.revocations = file("junk"); }), "junk: "}}) {
    auto checked = keys.check(row.setting);
    ASSERT_FALSE(checked) << row.text;
    EXPECT_EQ(checked.error().code, base::Code::config);
    EXPECT_NE(checked.error().text.find(row.text), std::string::npos)
        << checked.error().text;
  }
}

// Two loops, clients that come all the time, certificates and tickets that change.
TEST(TlsThreads, LoopsShareKeysWhileFilesChange) {
  support::FakeClock clock;
  support::TempDir dir;
  TlsKeys keys(clock);
  TlsSetting setting;
  setting.certificates = (dir / "cert.pem").string();
  setting.tickets = true;
  // A file is known by its stamps, and two within one tick would have the same.
  auto stamp = std::filesystem::file_time_type::clock::now();
  auto put = [&](const std::string& name) {
    std::ofstream file(dir / "new");
    for (const char* kind : {".pem", ".key"})
      file << std::ifstream(certificate(name + kind)).rdbuf();
    file.close();
    std::filesystem::last_write_time(dir / "new", stamp += 1s);
    std::filesystem::rename(dir / "new", dir / "cert.pem");
  };
  put("other");
  TlsServer one({keys, setting}), two({keys, setting});
  std::atomic<int> done = 0;
  auto come = [&](TlsServer& server) {
    for (int i = 0; i < 20; ++i) {
      TlsClient client(server.port());
      if (!client.handshake()) continue;
      client.say("quit\n");
      if (client.hear() == "you said quit\n") ++done;
    }
  };
  std::thread first([&] { come(one); }), second([&] { come(two); });
  for (int i = 0; i < 20; ++i) {
    put(i % 2 ? "other" : "mx-ecdsa");
    clock.advance(1900s);
    EXPECT_TRUE(keys.check(setting));
  }
  first.join();
  second.join();
  EXPECT_EQ(done, 40);
}

}  // namespace
}  // namespace net
