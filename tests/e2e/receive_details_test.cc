// SPDX-License-Identifier: Apache-2.0
//
// What bobbin-receive logs of a session's steps, what it does with clients that do not
// listen, drip or err, whose files it leaves, and scripts at the end of data.
#include <gmock/gmock.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/e2e/receive_peers.h"
#include "tests/support/certificates.h"

namespace {

using namespace receive_tests;
using receiver_test::Peer;
using support::certificate;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::string tls_options() {
  return "log_selector = +protocol_detail\ntls_certificate = " + certificate("mx.pem") +
         "\ntls_privatekey = " + certificate("mx.key") + "\n";
}

constexpr const char* kLogin = R"(
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{secret}}
  server_set_id = $auth2
  server_advertise_condition = yes
)";

// In a script: until Judged::go_on().
constexpr const char* kWait = "until [ -e \"$here/go\" ]; do sleep 0.02; done\n";

// A script's list of one that runs `text`, required or not.
class Judged {
 public:
  Judged(const std::string& text, const std::string& keys,
         const std::string& data = "on_client_gone = discard\n") {
    fs::permissions(dir_.path(), fs::perms(0755));
    std::ofstream(dir_ / "judge")
        << "#!/bin/sh\nhere='" << dir_.path().string() << "'\n"
        << text;
    fs::permissions(dir_ / "judge", fs::perms(0755));
    std::ofstream(dir_ / "list") << "[data]\ndir = " << dir_.path().string() << "\n"
                                 << data << "[script judge]\norder = 10\nexec = judge\n"
                                 << keys;
    fs::permissions(dir_ / "list", fs::perms(0644));
  }
  std::string option() const {
    return "data_scripts = " + (dir_ / "list").string() + "\n";
  }
  void go_on() const { std::ofstream(dir_ / "go"); }

 private:
  support::TempDir dir_;
};

void open_data(Peer& peer) {
  peer.reply();
  peer.ask("EHLO c.test");
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  EXPECT_THAT(peer.ask("DATA"), StartsWith("354 "));
}

// A client that sends an octet now and then.
class Drip {
 public:
  Drip(Peer& peer, std::string text)
      : thread_([this, &peer, text = std::move(text)] {
          for (char c : text) {
            if (stopped_) return;
            peer.send({&c, 1});
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
          }
          done_ = true;
        }) {}
  // True: there was more to send.
  bool stop() {
    stopped_ = true;
    thread_.join();
    return !done_;
  }

 private:
  std::atomic<bool> stopped_ = false, done_ = false;
  std::jthread thread_;
};

std::vector<std::string> files(const Receiver& receiver) {
  std::vector<std::string> names;
  for (const auto& each : fs::directory_iterator(receiver.spool() / "input"))
    names.push_back(each.path().filename());
  return names;
}

}  // namespace

TEST(ReceiveSteps, PD1_ClearSessionsSayE) {
  Receiver receiver("log_selector = +protocol_detail\n");
  swaks(receiver.port(), {});
  EXPECT_THAT(receiver.main_log(), HasSubstr(" P=esmtp PS=e S="));
}

TEST(ReceiveSteps, PD2_StarttlsSaysEse) {
  Receiver receiver(tls_options());
  swaks(receiver.port(), {"--tls"});
  EXPECT_THAT(receiver.main_log(), HasSubstr(" P=esmtps PS=ese X=TLS1."));
}

TEST(ReceiveSteps, PD3_ImplicitTlsSaysSe) {
  Receiver receiver(tls_options(), {"--listen", "127.0.0.1:0/smtps"});
  swaks(receiver.port(), {"--tls-on-connect"});
  EXPECT_THAT(receiver.main_log(), HasSubstr(" P=esmtps PS=se X=TLS1."));
}

TEST(ReceiveSteps, PD4_EveryAttemptToLogInIsAnA) {
  Receiver receiver("log_selector = +protocol_detail\n" + std::string(kLogin));
  Peer peer(receiver.port());
  peer.reply();
  peer.ask("EHLO c.test");
  EXPECT_THAT(peer.ask("AUTH PLAIN AGtpbQB3cm9uZw=="), StartsWith("535 "));
  EXPECT_THAT(peer.ask("AUTH PLAIN AGtpbQBzZWNyZXQ="), StartsWith("235 "));
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  peer.ask("DATA");
  EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("250 "));
  EXPECT_THAT(receiver.main_log(), HasSubstr(" P=esmtpa PS=eaa A=plain:kim "));
  EXPECT_THAT(receiver.main_log(), Not(HasSubstr("AGtpbQ")));
}

TEST(ReceiveRequireTls, RQ5_RQ6_TheMarkIsKeptAndHeadersAreEnough) {
  Receiver receiver(tls_options() +
                        "requiretls_consumer\ntls_advertise_requiretls = *\n"
                        "dsn_advertise_hosts = *\n",
                    {"--listen", "127.0.0.1:0/smtps"});
  std::string script = R"(
import smtplib, ssl, sys
context = ssl._create_unverified_context()
client = smtplib.SMTP_SSL("127.0.0.1", int(sys.argv[1]), context=context)
client.ehlo("c.test")
assert client.has_extn("requiretls")
client.sendmail("a@x.test", ["b@y.test"], "A: 1\r\n\r\nx\r\n",
                mail_options=["REQUIRETLS", "RET=FULL"])
client.quit()
)";
  auto done = python(script, {std::to_string(receiver.port())});
  EXPECT_EQ(done.status, 0) << done.err;
  std::string h = only_message(receiver);
  EXPECT_EQ(option(h, "tls_requiretls"), "0x1");
  EXPECT_EQ(option(h, "received_protocol"), "esmtpS");
  EXPECT_THAT(h, HasSubstr(" with esmtpS  (TLS1."));
  EXPECT_THAT(receiver.main_log(), HasSubstr(" P=esmtpS PS=se "));
  EXPECT_EQ(option(h, "dsn_ret"), "2");
}

TEST(ReceiveSpool, OP10_FilesAreTheSpoolOwnersAndOthersMayNotRead) {
  Receiver receiver;
  ASSERT_NE(send(receiver.port(), "MAIL FROM:<a@x>\nRCPT TO:<b@y>\n", "A: 1\r\n"), "");
  struct stat spool{};
  ASSERT_EQ(::stat(receiver.spool().c_str(), &spool), 0);
  for (const std::string& name : files(receiver)) {
    struct stat file{};
    ASSERT_EQ(::stat((receiver.spool() / "input" / name).c_str(), &file), 0);
    EXPECT_EQ(file.st_uid, spool.st_uid) << name;
    EXPECT_EQ(file.st_gid, spool.st_gid) << name;
    EXPECT_EQ(file.st_mode & 07777U, 0640U) << name;
  }
}

TEST(ReceiveScripts, DS3_RefusedMessageLeavesNothing) {
  Judged judged("exit 10\n", "required = yes\n");
  Receiver receiver(judged.option());
  Peer peer(receiver.port());
  open_data(peer);
  EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("554 5.7.1 "));
  EXPECT_THAT(files(receiver), IsEmpty());
  EXPECT_THAT(receiver.main_log(), Not(HasSubstr(" <= ")));
}

TEST(ReceiveScripts, DS9_QuitBehindTheDotIsAnswered) {
  Judged judged("exit 0\n", "required = yes\n");
  Receiver receiver(judged.option());
  Peer peer(receiver.port());
  open_data(peer);
  peer.send("A: 1\r\n\r\nx\r\n.\r\nQUIT\r\n");
  EXPECT_THAT(peer.reply(), StartsWith("250 "));
  EXPECT_THAT(peer.reply(), StartsWith("221 "));
  EXPECT_THAT(files(receiver), SizeIs(2));
}

TEST(ReceiveScripts, DS12_NewlinesInATextCannotSplitTheReply) {
  Judged judged(R"(printf '{"code":554,"enhanced":"5.7.1","text":["a\\r\\n250 b"]}'
exit 10
)",
                "");
  Receiver receiver(judged.option());
  Peer peer(receiver.port());
  open_data(peer);
  std::string reply = peer.ask("A: 1\r\n\r\nx\r\n.");
  EXPECT_THAT(reply, StartsWith("554"));
  EXPECT_THAT(reply, Not(ContainsRegex("\n250")));
  EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
}

TEST(ReceiveScripts, DS7_NobodyGetsPastARequiredScriptByLeaving) {
  Judged judged("sleep 0.2\nexit 10\n", "required = yes\n");
  Receiver receiver(judged.option());
  for (int i = 0; i < 20; ++i) {
    Peer peer(receiver.port());
    open_data(peer);
    peer.send("A: 1\r\n\r\nx\r\n.\r\n");
    if (i % 2 == 0) peer.close();
  }
  EXPECT_EQ(receiver.stop().status, 0);
  EXPECT_THAT(files(receiver), IsEmpty());
  EXPECT_THAT(receiver.main_log(), Not(HasSubstr(" <= ")));
}

TEST(ReceiveScripts, DS17_HeadersStandBehindOurReceived) {
  Judged judged(R"(printf '{"headers_add":["X-Judge: fair"]}'
exit 0
)",
                "");
  Receiver receiver(judged.option());
  Peer peer(receiver.port());
  open_data(peer);
  EXPECT_THAT(peer.ask("Subject: x\r\n\r\nx\r\n."), StartsWith("250 "));
  EXPECT_THAT(only_message(receiver),
              ContainsRegex("Received: (.|\n)*\n[0-9]+  X-Judge: fair\n"
                            "[0-9]+  Subject: x\n"));
}

TEST(ReceiveScripts, DS6_FinishAcceptsWhatRequiredScriptsPassedThoughNobodyListens) {
  for (bool passes : {true, false}) {
    Judged judged(kWait + std::string(passes ? "" : "exit 10\n"), "required = yes\n",
                  "on_client_gone = finish\n");
    Receiver receiver(judged.option());
    Peer peer(receiver.port());
    open_data(peer);
    peer.send("A: 1\r\n\r\nx\r\n.\r\n");
    peer.close();
    judged.go_on();
    receiver.stop();
    EXPECT_THAT(receiver.ids(), SizeIs(passes ? 1 : 0));
    EXPECT_EQ(receiver.main_log().contains(" <= "), passes);
    EXPECT_EQ(receiver.main_log().contains("abandoned"), !passes);
  }
}

TEST(ReceiveScripts, DS15_KeepAliveLinesAreLinesOfOneReply) {
  Judged judged(kWait, "", "keepalive = after-required\nkeepalive_every = 1s\n");
  Receiver receiver(judged.option());
  Peer peer(receiver.port());
  open_data(peer);
  peer.send("A: 1\r\n\r\nx\r\n.\r\n");
  std::string reply = peer.packet();
  judged.go_on();
  while (!reply.contains("\r\n250 ") || !reply.ends_with("\r\n")) {
    std::string more = peer.packet();
    ASSERT_FALSE(more.empty()) << reply;
    reply += more;
  }
  EXPECT_THAT(reply,
              MatchesRegex("(250-2.0.0 still checking\r\n)+250 2.0.0 OK id=.*\r\n"));
}

TEST(ReceiveErrors, RX24_TheLogTellsWhoWasDropped) {
  Receiver receiver;
  Peer peer(receiver.port());
  peer.reply();
  for (int i = 0; i < 3; ++i) EXPECT_THAT(peer.ask("FOO"), StartsWith("500 "));
  EXPECT_THAT(peer.ask("FOO"), StartsWith("421 "));
  EXPECT_TRUE(peer.at_end());
  EXPECT_THAT(receiver.main_log(),
              HasSubstr(" SMTP call from [127.0.0.1] dropped: too many unrecognized "
                        "commands (last command was \"FOO\")"));
}

TEST(ReceiveErrors, OP3_ACommandThatDripsInEndsInTime) {
  Receiver receiver("smtp_receive_timeout = 1s\n");
  Peer peer(receiver.port());
  peer.reply();
  Drip drip(peer, std::string(500, 'N'));
  EXPECT_THAT(peer.reply(), StartsWith("421 4.4.2 "));
  EXPECT_TRUE(drip.stop());
}

TEST(ReceiveProxyHeader, PP7_AHeaderThatDripsInEndsInTime) {
  Receiver receiver("hosts_proxy = 127.0.0.1\nproxy_protocol_timeout = 1s\n");
  Peer peer(receiver.port());
  Drip drip(peer, "PROXY UNKNOWN " + std::string(80, 'x'));
  EXPECT_TRUE(peer.at_end());
  EXPECT_TRUE(drip.stop());
  EXPECT_THAT(receiver.main_log(), HasSubstr(": no header came in time"));
}

// The names of users are whatever the authenticator says.
TEST(ReceiveAuth, AU12_ANameWithALineBreakIsStoredInItsPrintingForm) {
  std::string login = kLogin;
  login.replace(login.find("$auth2"), 6, "bo\\n$auth2");
  Receiver receiver(login);
  Peer peer(receiver.port());
  peer.reply();
  peer.ask("EHLO c.test");
  EXPECT_THAT(peer.ask("AUTH PLAIN AGtpbQBzZWNyZXQ="), StartsWith("235 "));
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  peer.ask("DATA");
  EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("250 "));
  EXPECT_THAT(option(only_message(receiver), "auth_id"), "bo\\nkim");
}

// A server that greets and then says nothing.
class SilentDovecot {
 public:
  SilentDovecot() : door_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    fs::permissions(dir_.path(), fs::perms(0755));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path().copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::bind(door_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(door_.get(), 5), 0);
    fs::permissions(path(), fs::perms(0777));
  }
  std::string path() const { return dir_ / "auth"; }
  // Until a request has come.
  void be_asked() {
    client_ = base::Fd(::accept(door_.get(), nullptr, nullptr));
    hear("CPID\t");
    std::string hello = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nDONE\n";
    EXPECT_EQ(::send(client_.get(), hello.data(), hello.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(hello.size()));
    hear("AUTH\t1\t");
  }

 private:
  void hear(std::string_view wanted) {
    std::array<char, 4096> buffer{};
    for (ssize_t count = 1; count > 0 && !heard_.contains(wanted);) {
      count = ::recv(client_.get(), buffer.data(), buffer.size(), 0);
      if (count > 0) heard_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    EXPECT_TRUE(heard_.contains(wanted));
  }

  support::TempDir dir_;
  base::Fd door_, client_;
  std::string heard_;
};

// What a session asked for is no reason to stay when the session was ended.
TEST(ReceiveAuth, ASecondSignalEndsAProgramThatWaitsForDovecot) {
  SilentDovecot dovecot;
  Receiver receiver(
      "begin authenticators\nplain:\n driver = dovecot\n public_name = PLAIN\n"
      " server_advertise_condition = yes\n server_socket = " +
      dovecot.path() + "\n");
  Peer peer(receiver.port());
  std::thread answering([&] { dovecot.be_asked(); });
  peer.reply();
  peer.ask("EHLO c.test");
  peer.send("AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n");
  answering.join();
  receiver.process().signal(SIGTERM);
  // The first one was heard when nobody is let in any more.
  for (bool open = true; open;) try {
      Peer another(receiver.port());
    } catch (const std::system_error&) {
      open = false;
    }
  auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(receiver.stop().status, 0);
  // Not the minute that an answer may take.
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(30));
  EXPECT_THAT(peer.reply(), StartsWith("421 4.3.2 "));
}
