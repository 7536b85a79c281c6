// SPDX-License-Identifier: Apache-2.0
//
// TLS as other people's clients see it: openssl s_client, swaks, Python's ssl
// (spec/smtp-features.md 2 and 3).
#include <gmock/gmock.h>

#include "tests/e2e/receive_peers.h"
#include "tests/support/certificates.h"

namespace {

using receive_tests::after;
using receive_tests::h_text;
using receive_tests::only_message;
using receive_tests::option;
using receive_tests::python;
using receive_tests::Receiver;
using receive_tests::swaks;
using receive_tests::text_of;
using receiver_test::Peer;
using support::certificate;
using support::Outcome;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
namespace fs = std::filesystem;

std::string with_tls() {
  return "tls_certificate = " + certificate("mx.pem") +
         "\ntls_privatekey = " + certificate("mx.key") + "\n";
}

const std::vector<std::string> kSmtps = {"--listen", "127.0.0.1:0/smtps"};

// openssl s_client, told what to say once it has heard what it waits for.
class Client {
 public:
  Client(const Receiver& receiver, bool starttls, std::vector<std::string> args = {})
      : starttls_(starttls) {
    args.insert(args.begin(),
                {"s_client", "-connect", receiver.address(), "-crlf", "-nocommands",
                 "-ign_eof", "-CAfile", certificate("ca.pem")});
    if (starttls) args.insert(args.end(), {"-starttls", "smtp"});
    process_ = std::make_unique<support::Process>(support::Command{
        .program = "openssl", .args = std::move(args), .keep_input_open = true});
  }

  bool ask(const std::string& line, const std::string& reply) {
    process_->send(line + "\n");
    return process_->saw(reply);
  }
  // Where it greets inside TLS; to STARTTLS it has greeted before.
  bool greeted() { return starttls_ || process_->saw("220 mx.test ESMTP"); }
  // One message; its id.
  std::string send_message() {
    EXPECT_TRUE(greeted()) << out();
    EXPECT_TRUE(ask("EHLO c.test", " Hello c.test")) << out() << process_->err();
    EXPECT_TRUE(ask("MAIL FROM:<a@x.test>", "250 2.1.0 "));
    EXPECT_TRUE(ask("RCPT TO:<b@y.test>", "250 2.1.5 "));
    EXPECT_TRUE(ask("DATA", "\n354 "));
    EXPECT_TRUE(ask("Subject: in TLS\n\nx\n.", "OK id=")) << out();
    EXPECT_TRUE(ask("QUIT", "221 "));
    process_->close_input();
    out_ = process_->wait().out;
    std::size_t mark = out_.find("OK id=");
    return mark == out_.npos ? "" : out_.substr(mark + 6, 16);
  }
  const std::string& out() const { return out_.empty() ? process_->out() : out_; }

 private:
  bool starttls_;
  std::unique_ptr<support::Process> process_;
  std::string out_;  // all of it, when it has ended
};

// "New, TLSv1.3, Cipher is X" as "TLS1.3:X".
std::string seen_cipher(const std::string& out) {
  for (const char* kind : {"New, TLSv", "Reused, TLSv"}) {
    std::string line = after(out, kind);
    std::size_t mark = line.find(", Cipher is ");
    if (mark != line.npos)
      return "TLS" + line.substr(0, mark) + ":" + line.substr(mark + 12);
  }
  return "no TLS: " + out;
}

}  // namespace

TEST(ReceiveTls, TL1_WhatFollowsStarttlsInTheClearEndsTheConnection) {
  Receiver receiver(with_tls());
  Peer peer(receiver.port());
  peer.reply();
  peer.ask("EHLO c.test");
  peer.send("STARTTLS\r\nNOOP\r\n");
  EXPECT_THAT(peer.reply(), StartsWith("554 "));
  EXPECT_TRUE(peer.at_end());
}

// Says MAIL or AUTH in the clear, then goes on inside TLS.
constexpr const char* kForgetting = R"(
import smtplib, ssl, sys
context = ssl._create_unverified_context()
client = smtplib.SMTP('127.0.0.1', int(sys.argv[1]), local_hostname='c.test')
client.ehlo()
print(client.docmd(sys.argv[2]))
print(client.docmd('STARTTLS'))
client.sock = context.wrap_socket(client.sock, server_hostname='mx.test')
client.file = None
for command in sys.argv[3:]:
    print(client.docmd(command))
)";

TEST(ReceiveTls, TL2_StarttlsForgetsTheTransaction) {
  REQUIRE_PROGRAM("python3");
  Receiver receiver(with_tls());
  Outcome end = python(kForgetting,
                       {std::to_string(receiver.port()), "MAIL FROM:<a@x.test>",
                        "MAIL FROM:<a@x.test>", "EHLO c.test", "RCPT TO:<b@y.test>"});
  auto said = receive_tests::lines_of(end.out);
  ASSERT_THAT(said, SizeIs(5)) << end.err;
  EXPECT_THAT(said[0], StartsWith("(250"));
  EXPECT_THAT(said[1], StartsWith("(220"));
  EXPECT_THAT(said[2], StartsWith("(503")) << "EHLO is needed again";
  EXPECT_THAT(said[3], StartsWith("(250"));
  EXPECT_THAT(said[4], StartsWith("(503"));
}

TEST(ReceiveTls, TL3_StarttlsForgetsWhoTheClientIs) {
  REQUIRE_PROGRAM("python3");
  Receiver receiver(with_tls() +
                    "acl_smtp_rcpt = rcpt\nbegin acl\nrcpt:\n"
                    " accept authenticated = *\n"
                    "begin authenticators\nplain:\n driver = plaintext\n"
                    " public_name = PLAIN\n server_prompts = :\n"
                    " server_condition = ${if eq{$auth3}{p}}\n server_set_id = $auth2\n"
                    " server_advertise_condition = true\n");
  Outcome end =
      python(kForgetting,
             {std::to_string(receiver.port()), "AUTH PLAIN AGtpbQBw", "EHLO c.test",
              "MAIL FROM:<a@x.test>", "RCPT TO:<b@y.test>", "RSET",
              "AUTH PLAIN AGtpbQBw", "MAIL FROM:<a@x.test>", "RCPT TO:<b@y.test>"});
  auto said = receive_tests::lines_of(end.out);
  ASSERT_THAT(said, SizeIs(9)) << end.err;
  EXPECT_THAT(said[0], StartsWith("(235"));
  EXPECT_THAT(said[4], StartsWith("(550")) << "still authenticated";
  EXPECT_THAT(said[6], StartsWith("(235"));
  EXPECT_THAT(said[8], StartsWith("(250"));
}

TEST(ReceiveTls, TL4_TheOfferInsideTls) {
  REQUIRE_PROGRAM("openssl");
  Receiver receiver(with_tls() +
                    "tls_advertise_requiretls = *\nrequiretls_consumer = true\n");
  Client client(receiver, true);
  ASSERT_TRUE(client.ask("EHLO c.test", " Hello c.test")) << client.out();
  ASSERT_TRUE(client.ask("VRFY <b@y.test>", "252 ")) << client.out();
  std::string offer = client.out().substr(client.out().find(" Hello c.test"));
  EXPECT_THAT(offer, AllOf(HasSubstr("250-REQUIRETLS"), Not(HasSubstr("STARTTLS"))));
  EXPECT_TRUE(client.ask("STARTTLS", "503 "));
  EXPECT_TRUE(client.ask("QUIT", "221 "));

  Peer clear(receiver.port());
  clear.reply();
  EXPECT_THAT(clear.ask("EHLO c.test"),
              AllOf(HasSubstr("250-STARTTLS"), Not(HasSubstr("REQUIRETLS"))));
}

TEST(ReceiveTls, TL5_AnOldClientFailsAndHears554InTheClear) {
  REQUIRE_PROGRAM("python3");
  Receiver receiver(with_tls());
  constexpr const char* kOld = R"(
import socket, ssl, sys, warnings
warnings.simplefilter('ignore')
sock = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
def until(mark):
    got = b''
    while mark not in got:
        more = sock.recv(4096)
        if not more: sys.exit('closed after %r' % got)
        got += more
    return got
until(b'220 ')
sock.sendall(b'EHLO c.test\r\n'); until(b'250 HELP')
sock.sendall(b'STARTTLS\r\n'); until(b'220 ')
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_ciphers('DEFAULT@SECLEVEL=0')
context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(came, goes)
try: tls.do_handshake()
except ssl.SSLWantReadError: pass
sock.sendall(goes.read())
came.write(sock.recv(4096))
try: tls.do_handshake(); sys.exit('TLS 1.1 is spoken')
except ssl.SSLError as error: print(error)
for command in b'NOOP', b'EHLO c.test', b'MAIL FROM:<a@x>':
    sock.sendall(command + b'\r\n'); until(b'554 ')
sock.sendall(b'QUIT\r\n'); until(b'221 ')
)";
  Outcome end = python(kOld, {std::to_string(receiver.port())});
  EXPECT_EQ(end.status, 0) << end.out << end.err << receiver.main_log();
  EXPECT_THAT(receiver.main_log(), HasSubstr("TLS error on connection from "));
}

TEST(ReceiveTls, TL6_AServerOfTlsSaysNothingBeforeTls) {
  Receiver receiver(with_tls(), kSmtps);
  Peer peer(receiver.port());
  peer.send("EHLO c.test\r\n");
  std::string heard;
  for (std::string more; !(more = peer.packet()).empty();) heard += more;
  EXPECT_THAT(heard, Not(HasSubstr("220")));
}

TEST(ReceiveTls, TL7_TheSpoolTellsWhatTheClientSaw) {
  REQUIRE_PROGRAM("openssl");
  std::string config = with_tls() + "tls_try_verify_hosts = *\n" +
                       "tls_verify_certificates = " + certificate("ca.pem") +
                       "\nlog_selector = +tls_sni +tls_peerdn\n";
  for (bool starttls : {true, false})
    for (const char* version : {"-tls1_2", "-tls1_3"})
      for (bool with_certificate : {true, false}) {
        SCOPED_TRACE(std::string(starttls ? "STARTTLS" : "smtps") + version);
        Receiver receiver(config, starttls ? std::vector<std::string>{} : kSmtps);
        std::vector<std::string> args = {version, "-servername", "mx.test"};
        if (with_certificate)
          args.insert(args.end(), {"-cert", certificate("client.pem"), "-key",
                                   certificate("client.key")});
        Client client(receiver, starttls, args);
        std::string id = client.send_message();
        ASSERT_THAT(id, SizeIs(16)) << client.out();
        std::string h = h_text(receiver, id);
        std::string cipher = seen_cipher(client.out());
        EXPECT_THAT(option(h, "tls_cipher"), StartsWith(cipher + ":"));
        EXPECT_EQ(option(h, "tls_ver"), cipher.substr(0, cipher.find(':')));
        EXPECT_EQ(option(h, "tls_sni"), "mx.test");
        EXPECT_EQ(option(h, "received_protocol"), "esmtps");
        EXPECT_EQ(h.contains("\n-tls_certificate_verified\n"), with_certificate) << h;
        EXPECT_EQ(option(h, "tls_peerdn"),
                  with_certificate ? "CN=client\\\\, one,O=Test" : "(none)");
        EXPECT_THAT(client.out(), HasSubstr("subject=CN = mx.test"));
        EXPECT_THAT(receiver.main_log(),
                    AllOf(HasSubstr(" P=esmtps X=" + option(h, "tls_cipher")),
                          HasSubstr(with_certificate ? " CV=yes DN=\"" : " CV=no"),
                          HasSubstr(" SNI=mx.test ")));
      }
}

TEST(ReceiveTls, TL7_SwaksAgrees) {
  REQUIRE_PROGRAM("swaks");
  for (bool starttls : {true, false}) {
    Receiver receiver(with_tls(), starttls ? std::vector<std::string>{} : kSmtps);
    Outcome end = swaks(receiver.port(), {starttls ? "--tls" : "--tls-on-connect",
                                          "--tls-sni", "mx.test"});
    ASSERT_EQ(end.status, 0) << end.out << end.err;
    std::string h = only_message(receiver);
    std::string cipher = option(h, "tls_cipher");
    // "=== TLS started with cipher TLSv1.3:TLS_AES_256_GCM_SHA384:256"
    EXPECT_EQ("TLSv" + cipher.substr(3),
              after(end.out, "=== TLS started with cipher "));
    EXPECT_EQ(option(h, "tls_sni"), "mx.test");
  }
}

TEST(ReceiveTls, TL9_AConnectionCutWithoutGoodbyeGivesNoMessage) {
  REQUIRE_PROGRAM("python3");
  constexpr const char* kCut = R"(
import os, smtplib, ssl, sys
context = ssl._create_unverified_context()
client = smtplib.SMTP('127.0.0.1', int(sys.argv[1]), local_hostname='c.test')
client.starttls(context=context)
client.ehlo(); client.mail('a@x.test'); client.rcpt('b@y.test'); client.docmd('DATA')
client.sock.sendall(sys.argv[2].encode().decode('unicode_escape').encode())
os.close(client.sock.detach())
)";
  Receiver receiver(with_tls());
  int sent = 0;
  for (const char* part : {"A: 1\\r\\n", "A: 1\\r\\n\\r\\nx\\r\\n",
                           "A: 1\\r\\n\\r\\nx\\r\\n.", "A: 1\\r\\n\\r\\nx\\r\\n.\\r"}) {
    Outcome end = python(kCut, {std::to_string(receiver.port()), part});
    ASSERT_EQ(end.status, 0) << end.err;
    ++sent;
  }
  EXPECT_EQ(receiver.stop().status, 0);
  EXPECT_THAT(receiver.ids(), IsEmpty());
  EXPECT_TRUE(fs::is_empty(receiver.spool() / "input"));
  std::string log = receiver.main_log();
  EXPECT_THAT(log, Not(HasSubstr(" <= ")));
  int lost = 0;
  for (const std::string& line : receive_tests::lines_of(log))
    lost += line.contains("SMTP connection lost (message abandoned)");
  EXPECT_EQ(lost, sent) << log;
}

TEST(ReceiveTls, TL10_TheNameChoosesTheCertificate) {
  REQUIRE_PROGRAM("openssl");
  auto chosen = [](const std::string& end) {
    return "${if eq{$tls_in_sni}{other.test}{" + certificate("other" + end) + "}{" +
           "${if eq{$tls_in_sni}{broken.test}{/nowhere" + end + "}{" +
           certificate("mx" + end) + "}}}}";
  };
  Receiver receiver("tls_certificate = " + chosen(".pem") +
                    "\ntls_privatekey = " + chosen(".key") + "\n");
  for (const char* version : {"-tls1_2", "-tls1_3"})
    for (auto [asked, shown] : {std::pair{"other.test", "other.test"},
                                {"mx.test", "mx.test"},
                                {"unknown.test", "mx.test"},
                                {"broken.test", "mx.test"},
                                {"", "mx.test"}}) {
      SCOPED_TRACE(asked);
      std::vector<std::string> args = {version};
      if (*asked)
        args.insert(args.end(), {"-servername", asked});
      else
        args.emplace_back("-noservername");
      Client client(receiver, true, args);
      std::string id = client.send_message();
      EXPECT_THAT(client.out(), HasSubstr(std::string("subject=CN = ") + shown));
      EXPECT_EQ(option(h_text(receiver, id), "tls_sni"), *asked ? asked : "(none)");
    }
}

// --- resumption -------------------------------------------------------------------

class ReceiveResumption : public testing::TestWithParam<const char*> {
 protected:
  static std::string offering() {
    return with_tls() + "tls_resumption_hosts = *\nlog_selector = +tls_resumption\n";
  }
  std::string send(const Receiver& receiver, const char* option) {
    Client client(receiver, true,
                  {GetParam(), "-servername", "mx.test", option, session_});
    std::string id = client.send_message();
    out_ = client.out();
    return id;
  }

  support::TempDir dir_;
  std::string session_ = dir_ / "session";
  std::string out_;
};

TEST_P(ReceiveResumption, RS1_RS5_RS6_ASavedSessionIsReused) {
  REQUIRE_PROGRAM("openssl");
  Receiver receiver(offering());
  std::string first = send(receiver, "-sess_out");
  EXPECT_THAT(out_, HasSubstr("\nNew, TLSv1"));
  // Supported, asked for, given: 11.
  EXPECT_EQ(option(h_text(receiver, first), "tls_resumption"), "L");
  EXPECT_THAT(receiver.main_log(), Not(HasSubstr(":256* ")));

  std::string second = send(receiver, "-sess_in");
  EXPECT_THAT(out_, HasSubstr("\nReused, TLSv1"));
  bool another = out_.contains("New Session Ticket arrived");
  EXPECT_EQ(option(h_text(receiver, second), "tls_resumption"), another ? "`" : "X");
  EXPECT_THAT(receiver.main_log(), HasSubstr(":256* "));
  EXPECT_EQ(option(h_text(receiver, second), "tls_cipher"),
            option(h_text(receiver, first), "tls_cipher"));
}

TEST_P(ReceiveResumption, RS4_OnlyListedHostsGetTickets) {
  REQUIRE_PROGRAM("openssl");
  Receiver receiver(with_tls() + "tls_resumption_hosts = 192.0.2.1\n");
  std::string id = send(receiver, "-sess_out");
  EXPECT_THAT(out_, Not(HasSubstr("TLS session ticket")));
  EXPECT_EQ(option(h_text(receiver, id), "tls_resumption"), "D");  // 3: not given
  if (!fs::exists(session_)) return;  // TLS 1.3 without a ticket: nothing to save
  send(receiver, "-sess_in");
  EXPECT_THAT(out_, HasSubstr("\nNew, TLSv1"));
}

TEST_P(ReceiveResumption, RS5_NoStarWithoutTheSelector) {
  REQUIRE_PROGRAM("openssl");
  Receiver receiver(with_tls() + "tls_resumption_hosts = *\n");
  send(receiver, "-sess_out");
  send(receiver, "-sess_in");
  EXPECT_THAT(out_, HasSubstr("\nReused, TLSv1"));
  EXPECT_THAT(receiver.main_log(), Not(HasSubstr("* ")));
}

TEST_P(ReceiveResumption, RS7_AfterARestartTheTicketIsWorthNothingAndHurtsNobody) {
  REQUIRE_PROGRAM("openssl");
  {
    Receiver before(offering());
    send(before, "-sess_out");
    ASSERT_TRUE(fs::exists(session_));
  }
  Receiver after_it(offering());
  std::string id = send(after_it, "-sess_in");
  EXPECT_THAT(out_, HasSubstr("\nNew, TLSv1"));
  ASSERT_THAT(id, SizeIs(16)) << out_;
  // Offered, and only a new ticket came: 15.
  EXPECT_EQ(option(h_text(after_it, id), "tls_resumption"), "P");
}

INSTANTIATE_TEST_SUITE_P(Versions, ReceiveResumption,
                         testing::Values("-tls1_2", "-tls1_3"));
