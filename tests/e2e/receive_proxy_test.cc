// SPDX-License-Identifier: Apache-2.0
//
// Behind proxies of others: nginx says XCLIENT, haproxy the PROXY header, swaks both
// (spec/smtp-features.md 5).
#include <gmock/gmock.h>

#include "tests/e2e/receive_peers.h"
#include "tests/support/certificates.h"

namespace {

using receive_tests::free_port;
using receive_tests::only_message;
using receive_tests::option;
using receive_tests::Receiver;
using receive_tests::Server;
using receive_tests::swaks;
using receive_tests::write_file;
using receiver_test::Peer;
using support::certificate;
using support::Outcome;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

const std::string kXclient = "hosts_xclient = 127.0.0.1\nlog_selector = +proxy\n";
const std::vector<std::string> kProxied = {"--listen", "127.0.0.1:0/proxy"};

void write_public(const std::filesystem::path& path, const std::string& text) {
  write_file(path, text);
  std::filesystem::permissions(path, std::filesystem::perms(0644));
}

// haproxy in front of a receiver; each of its doors says the header in its own way.
class Haproxy {
 public:
  explicit Haproxy(const Receiver& receiver, const std::string& how)
      : port_(free_port()) {
    write_public(dir_ / "conf",
                 "defaults\n mode tcp\n timeout connect 60s\n timeout client 60s\n"
                 " timeout server 60s\n"
                 "listen door\n bind 127.0.0.1:" +
                     std::to_string(port_) + "\n server mx " + receiver.address() +
                     " " + how + "\n");
    server_.emplace(support::Command{.program = *support::find_program("haproxy"),
                                     .args = {"-db", "-f", (dir_ / "conf").string()}},
                    port_);
  }
  std::uint16_t port() const { return port_; }

 private:
  support::TempDir dir_;
  std::uint16_t port_;
  std::optional<Server> server_;
};

// nginx as a mail proxy, which is its own oracle for who may log in.
class Nginx {
 public:
  Nginx(const Receiver& receiver, const std::string& methods)
      : port_(free_port()), oracle_(free_port()) {
    std::filesystem::permissions(dir_.path(), std::filesystem::perms(0755));
    std::string home = dir_.path().string();
    write_public(dir_ / "conf",
                 "load_module /usr/lib/nginx/modules/ngx_mail_module.so;\n"
                 "daemon off;\nmaster_process off;\npid " +
                     home +
                     "/pid;\n"
                     "error_log stderr;\nevents {}\n"
                     "http {\n access_log off;\n client_body_temp_path " +
                     home +
                     "/body;\n"
                     " proxy_temp_path " +
                     home + "/proxy;\n fastcgi_temp_path " + home +
                     "/fcgi;\n"
                     " uwsgi_temp_path " +
                     home + "/uwsgi;\n scgi_temp_path " + home +
                     "/scgi;\n"
                     " server {\n  listen 127.0.0.1:" +
                     std::to_string(oracle_) +
                     ";\n"
                     "  location / {\n   add_header Auth-Status OK;\n"
                     "   add_header Auth-Server 127.0.0.1;\n   add_header Auth-Port " +
                     std::to_string(receiver.port()) +
                     ";\n   return 200;\n  }\n }\n}\n"
                     "mail {\n server_name nginx.test;\n auth_http 127.0.0.1:" +
                     std::to_string(oracle_) +
                     "/;\n xclient on;\n"
                     " server {\n  listen 127.0.0.1:" +
                     std::to_string(port_) + ";\n  protocol smtp;\n  smtp_auth " +
                     methods + ";\n }\n}\n");
    server_.emplace(support::Command{.program = *support::find_program("nginx"),
                                     .args = {"-c", (dir_ / "conf").string(), "-p",
                                              home, "-e", "stderr"}},
                    port_);
  }
  std::uint16_t port() const { return port_; }
  std::string trouble() { return server_->process().err(); }

 private:
  support::TempDir dir_;
  std::uint16_t port_, oracle_;
  std::optional<Server> server_;
};

}  // namespace

TEST(ReceiveProxy, XC12_SwaksSaysWhoTheClientIs) {
  REQUIRE_PROGRAM("swaks");
  Receiver receiver(kXclient);
  Outcome end =
      swaks(receiver.port(), {"--xclient-addr", "192.0.2.7", "--xclient-login", "u"});
  ASSERT_EQ(end.status, 0) << end.out << end.err;
  std::string h = only_message(receiver);
  EXPECT_EQ(option(h, "host_address"), "[192.0.2.7]:0");
  EXPECT_EQ(option(h, "auth_id"), "u");
  EXPECT_EQ(option(h, "host_auth"), "xclient");
  EXPECT_THAT(receiver.main_log(), AllOf(HasSubstr(" H=(c.test) [192.0.2.7] "),
                                         HasSubstr(" PRX=127.0.0.1")));
}

TEST(ReceiveProxy, XC_EveryAttributeOfSwaksArrives) {
  REQUIRE_PROGRAM("swaks");
  Receiver receiver(kXclient);
  Outcome end = swaks(
      receiver.port(),
      {"--xclient-addr", "IPV6:2001:db8::1", "--xclient-port", "4711", "--xclient-name",
       "client.test", "--xclient-destaddr", "192.0.2.1", "--xclient-destport", "25"});
  ASSERT_EQ(end.status, 0) << end.out << end.err;
  std::string h = only_message(receiver);
  EXPECT_EQ(option(h, "host_address"), "[2001:db8::1]:4711");
  EXPECT_EQ(option(h, "host_name"), "client.test");
  EXPECT_EQ(option(h, "auth_id"), "(none)");
}

TEST(ReceiveProxy, XC1_SwaksIsNotOfferedWhatIsNotItsRight) {
  REQUIRE_PROGRAM("swaks");
  Receiver receiver("hosts_xclient = 192.0.2.1\n");
  Outcome end = swaks(receiver.port(), {"--xclient-addr", "192.0.2.7"});
  EXPECT_NE(end.status, 0);
  Peer peer(receiver.port());
  peer.reply();
  peer.ask("EHLO c.test");
  EXPECT_THAT(peer.ask("XCLIENT ADDR=192.0.2.7"), StartsWith("550 "));
  EXPECT_THAT(receiver.ids(), SizeIs(0));
}

TEST(ReceiveProxy, XC2_NginxTellsWhoItsClientIs) {
  REQUIRE_PROGRAM("nginx");
  REQUIRE_PROGRAM("swaks");
  Receiver receiver(kXclient);
  Nginx nginx(receiver, "none");
  Outcome end = swaks(nginx.port(), {"--local-interface", "127.0.0.5"});
  ASSERT_EQ(end.status, 0) << end.out << nginx.trouble() << receiver.main_log();
  std::string h = only_message(receiver);
  EXPECT_EQ(option(h, "host_address"), "[127.0.0.5]:0");
  EXPECT_EQ(option(h, "helo_name"), "c.test");
  EXPECT_EQ(option(h, "received_protocol"), "esmtp");
  EXPECT_THAT(receiver.main_log(), AllOf(HasSubstr(" H=(c.test) [127.0.0.5] "),
                                         HasSubstr(" PRX=127.0.0.1")));
}

TEST(ReceiveProxy, XC7_NginxTellsWhoHasLoggedInAndCannotBeMadeToSayMore) {
  REQUIRE_PROGRAM("nginx");
  REQUIRE_PROGRAM("swaks");
  for (const std::string user : {"kim", "kim LOGIN=root", "kim ADDR=192.0.2.9"}) {
    SCOPED_TRACE(user);
    Receiver receiver(kXclient);
    Nginx nginx(receiver, "plain");
    Outcome end =
        swaks(nginx.port(), {"--auth", "PLAIN", "--auth-user", user, "--auth-password",
                             "any", "--local-interface", "127.0.0.5"});
    bool honest = user == "kim";
    EXPECT_EQ(end.status == 0, honest) << end.out << nginx.trouble();
    EXPECT_THAT(receiver.ids(), SizeIs(honest ? 1 : 0));
    if (!honest) continue;
    std::string h = only_message(receiver);
    EXPECT_EQ(option(h, "auth_id"), "kim");
    EXPECT_EQ(option(h, "host_address"), "[127.0.0.5]:0");
    EXPECT_EQ(option(h, "received_protocol"), "esmtpa");
  }
}

TEST(ReceiveProxy, PP1_PP2_SwaksSaysBothHeaders) {
  REQUIRE_PROGRAM("swaks");
  struct Row {
    std::string version, family, source, dest, shown;
  };
  for (const Row& row : {
           Row{"1", "TCP4", "192.0.2.9", "192.0.2.1", "[192.0.2.9]:4711"},
           Row{"1", "TCP6", "2001:db8::9", "2001:db8::1", "[2001:db8::9]:4711"},
           Row{"2", "AF_INET", "192.0.2.9", "192.0.2.1", "[192.0.2.9]:4711"},
           Row{"2", "AF_INET6", "2001:db8::9", "2001:db8::1", "[2001:db8::9]:4711"},
       })
    for (bool listed : {true, false}) {
      SCOPED_TRACE(row.version + row.family);
      Receiver receiver(listed ? "hosts_proxy = 127.0.0.1\n" : "",
                        listed ? std::vector<std::string>{} : kProxied);
      Outcome end = swaks(receiver.port(),
                          {"--proxy-version", row.version, "--proxy-family", row.family,
                           "--proxy-source", row.source, "--proxy-source-port", "4711",
                           "--proxy-dest", row.dest, "--proxy-dest-port", "25"});
      ASSERT_EQ(end.status, 0) << end.out << end.err << receiver.main_log();
      EXPECT_EQ(option(only_message(receiver), "host_address"), row.shown);
    }
}

TEST(ReceiveProxy, PP1_UnknownIsWhoeverSpeaks) {
  Receiver receiver("", kProxied);
  Peer peer(receiver.port());
  peer.send("PROXY UNKNOWN\r\n");
  EXPECT_THAT(peer.reply(), StartsWith("220 "));
  EXPECT_THAT(peer.ask("EHLO c.test"), HasSubstr("[127.0.0.1]"));
}

TEST(ReceiveProxy, PP2_LocalIsWhoeverSpeaks) {
  Receiver receiver("", kProxied);
  // Without addresses, and with some that mean nothing.
  for (std::string rest :
       {std::string("\x20\x00\x00\x00", 4),
        std::string("\x20\x11\x00\x0c", 4) + "\xc0\x01\x02\x09twelve!!"}) {
    Peer peer(receiver.port());
    peer.send(std::string("\r\n\r\n\0\r\nQUIT\n", 12) + rest);
    EXPECT_THAT(peer.reply(), StartsWith("220 "));
    EXPECT_THAT(peer.ask("EHLO c.test"), HasSubstr("[127.0.0.1]"));
  }
}

TEST(ReceiveProxy, PP1_PP2_HaproxyTellsWhoItsClientIs) {
  REQUIRE_PROGRAM("haproxy");
  REQUIRE_PROGRAM("swaks");
  for (const char* how : {"send-proxy", "send-proxy-v2",
                          "send-proxy-v2 proxy-v2-options crc32c,unique-id",
                          "send-proxy-v2-ssl-cn", "check send-proxy-v2"}) {
    SCOPED_TRACE(how);
    Receiver receiver("log_selector = +proxy +incoming_port\n", kProxied);
    Haproxy haproxy(receiver, how);
    Outcome end = swaks(haproxy.port(), {"--local-interface", "127.0.0.5:0"});
    ASSERT_EQ(end.status, 0) << end.out << end.err << receiver.main_log();
    std::string h = only_message(receiver);
    EXPECT_THAT(option(h, "host_address"), StartsWith("[127.0.0.5]:"));
    EXPECT_THAT(receiver.main_log(),
                AllOf(HasSubstr(" H=(c.test) " + option(h, "host_address") + " "),
                      HasSubstr(" PRX=127.0.0.1 ")));
  }
}

TEST(ReceiveProxy, PP4_TheHeaderComesBeforeTls) {
  REQUIRE_PROGRAM("haproxy");
  REQUIRE_PROGRAM("swaks");
  for (const char* how : {"send-proxy", "send-proxy-v2"})
    for (bool on_connect : {true, false}) {
      Receiver receiver(
          "tls_certificate = " + certificate("mx.pem") +
              "\ntls_privatekey = " + certificate("mx.key") + "\n",
          {"--listen", on_connect ? "127.0.0.1:0/smtps/proxy" : "127.0.0.1:0/proxy"});
      Haproxy haproxy(receiver, how);
      Outcome end = swaks(haproxy.port(), {on_connect ? "--tls-on-connect" : "--tls",
                                           "--local-interface", "127.0.0.5"});
      ASSERT_EQ(end.status, 0) << end.out << end.err << receiver.main_log();
      std::string h = only_message(receiver);
      EXPECT_THAT(option(h, "host_address"), StartsWith("[127.0.0.5]:"));
      EXPECT_EQ(option(h, "received_protocol"), "esmtps");
    }
}

TEST(ReceiveProxy, PP6_AHeaderFromAnUnlistedHostIsNoCommand) {
  REQUIRE_PROGRAM("swaks");
  for (const char* version : {"1", "2"}) {
    Receiver receiver("hosts_proxy = 192.0.2.1\n");
    Outcome end = swaks(receiver.port(),
                        {"--proxy-version", version, "--proxy-family",
                         *version == '1' ? "TCP4" : "AF_INET", "--proxy-source",
                         "192.0.2.9", "--proxy-source-port", "4711", "--proxy-dest",
                         "192.0.2.1", "--proxy-dest-port", "25"});
    EXPECT_NE(end.status, 0);
    // Too early if it came before the greeting, and else no command.
    EXPECT_THAT(end.out, AnyOf(HasSubstr("554 "), HasSubstr("500 5.5.1")));
    EXPECT_THAT(receiver.main_log(), Not(HasSubstr("[192.0.2.9]")));
    EXPECT_THAT(receiver.ids(), SizeIs(0));
  }
}
