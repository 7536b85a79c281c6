// SPDX-License-Identifier: Apache-2.0
//
// The same conversation with a real Exim and with us, under one configuration: what
// comes to lie in the two spools is the same, and Exim reads and delivers ours
// (spec/smtp-features.md, RX-26).
#include <gmock/gmock.h>

#include <regex>

#include "tests/e2e/receive_peers.h"
#include "tests/support/certificates.h"

namespace {

using receive_tests::free_port;
using receive_tests::lines_of;
using receive_tests::Receiver;
using receive_tests::Server;
using receive_tests::text_of;
using receive_tests::write_file;
using receiver_test::Peer;
using support::certificate;
using support::Outcome;
using testing::HasSubstr;
using testing::SizeIs;
namespace fs = std::filesystem;
using namespace std::string_literals;

#define REQUIRE_EXIM()      \
  REQUIRE_PROGRAM("exim4"); \
  if (::geteuid() != 0) GTEST_SKIP() << "Exim takes -C from root only"

struct Shape {
  const char* name;
  std::string config;  // of both servers
  std::string script;  // lines end with LF; content after a line "DATA" as it is
  bool tls = false;    // by swaks, and `script` is its arguments
};

const std::string kOpen = "EHLO c.test\nMAIL FROM:<a@x.test>\nRCPT TO:<b@y.test>\n";
const std::string kAuthenticators =
    "begin authenticators\nown:\n driver = plaintext\n public_name = PLAIN\n"
    " server_prompts = :\n server_condition = ${if eq{$auth3}{secret}}\n"
    " server_set_id = $auth2\n server_advertise_condition = true\n";

std::string set_variables(const std::string& what) {
  return "acl_smtp_rcpt = rcpt\nbegin acl\nrcpt:\n accept set " + what;
}

std::string bdat(const std::string& content) {
  return "BDAT " + std::to_string(content.size()) + " LAST\n" + content;
}

std::vector<Shape> shapes() {
  std::string thousand = "EHLO c.test\nMAIL FROM:<a@x.test>\n";
  for (int i = 0; i < 1000; ++i)
    thousand += "RCPT TO:<r" + std::to_string(i) + "@y.test>\n";
  const std::string simple = "DATA\nSubject: simple\r\n\r\nHello.\r\n.\r\n";
  const std::string chunk = "Subject: chunk\r\n\r\n.dot\r\nHello.\r\n";
  return {
      {"plain", "", kOpen + simple},
      {"HELO", "", "HELO c.test\nMAIL FROM:<a@x.test>\nRCPT TO:<b@y.test>\n" + simple},
      // Exim asks the DNS of a client that greets with our address, unless told not to.
      {"literal", "helo_lookup_domains =\n",
       "EHLO [127.0.0.1]\nMAIL FROM:<a@x.test>\nRCPT TO:<b@y.test>\n" + simple},
      {"bounce", "", "EHLO c.test\nMAIL FROM:<>\nRCPT TO:<b@y.test>\n" + simple},
      {"two recipients", "", kOpen + "RCPT TO:<c@y.test>\n" + simple},
      {"thousand recipients", "", thousand + simple},
      {"8 bits", "",
       "EHLO c.test\nMAIL FROM:<a@x.test> BODY=8BITMIME SIZE=100\n"
       "RCPT TO:<b@y.test>\nDATA\nSubject: caf\xe9\r\n\r\n\xff\xfe\x80 caf\xc3\xa9\r\n"
       ".\r\n"},
      {"NULs", "", kOpen + "DATA\nSubject: NUL\r\n\r\na\0b\0\r\n\0\0\r\n.\r\n"s},
      {"dots", "", kOpen + "DATA\nA: 1\r\n\r\n..\r\n...x\r\n.y\r\n.\r\n"},
      {"no body", "", kOpen + "DATA\nSubject: none\r\n.\r\n"},
      {"empty", "", kOpen + "DATA\n.\r\n"},
      {"no headers", "", kOpen + "DATA\n\r\nbody\r\n.\r\n"},
      {"body at once", "", kOpen + "DATA\nno header line\r\nSubject: no\r\n.\r\n"},
      {"headers of all kinds", "",
       kOpen + "DATA\nReturn-path: <q>\r\nReceived: from q\r\n\tby w; now\r\n"
               "From: a@x.test\r\nSender: s@x.test\r\nReply-To: r@x.test\r\n"
               "To: b@y.test\r\nCc: c@y.test\r\nBcc: d@y.test\r\n"
               "Message-ID: <1@x.test>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
               "Subject: first\r\n second\r\n\tthird  \r\nX-Other: x\r\n"
               "Resent-From: a@x.test\r\nResent-To: b@y.test\r\n"
               "Envelope-to: b@y.test\r\nDelivery-date: now\r\n"
               "Priority: high\r\n\r\nx\r\n.\r\n"},
      {"long line", "",
       kOpen + "DATA\nA: 1\r\n\r\n" + std::string(20'000, 'y') + "\r\n.\r\n"},
      {"BDAT", "", kOpen + bdat(chunk)},
      {"BDAT without a last line end", "", kOpen + bdat("A: 1\r\n\r\nx")},
      {"BDAT in wire format", "spool_wireformat\n", kOpen + bdat(chunk)},
      {"DSN", "dsn_advertise_hosts = *\n",
       "EHLO c.test\nMAIL FROM:<a@x.test> RET=HDRS ENVID=id+2B1\n"
       "RCPT TO:<b@y.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;q+2Bb@y.test\n"
       "RCPT TO:<c@y.test> NOTIFY=NEVER\nRCPT TO:<d@y.test> NOTIFY=FAILURE\n"
       "RCPT TO:<e@y.test>\n" +
           simple},
      {"SMTPUTF8", "",
       "EHLO c.test\nMAIL FROM:<\xc3\xa9@x.test> SMTPUTF8\n"
       "RCPT TO:<\xc3\xbc@y.test>\n" +
           simple},
      {"AUTH", kAuthenticators,
       "EHLO c.test\nAUTH PLAIN AGtpbQBzZWNyZXQ=\n"
       "MAIL FROM:<a@x.test> AUTH=a@x.test\nRCPT TO:<b@y.test>\n" +
           simple},
      {"ACL variables",
       set_variables("acl_c0 = of connection\n  set acl_m_name = of "
                     "$local_part\n"),
       kOpen + simple},
      {"long ACL variables", set_variables("acl_m1 = two\\nlines\n"), kOpen + simple},
      {"empty ACL variables", set_variables("acl_m2 =\n"), kOpen + simple},
      {"added headers",
       "acl_smtp_rcpt = rcpt\nbegin acl\nrcpt:\n accept add_header = X-One: 1\n"
       "  add_header = :at_start:X-Two: 2\n  remove_header = X-Gone\n",
       kOpen + "DATA\nA: 1\r\nX-Gone: yes\r\n\r\nx\r\n.\r\n"},
      {"frozen", "acl_smtp_rcpt = rcpt\nbegin acl\nrcpt:\n accept control = freeze\n",
       kOpen + simple},
      {"pipelined", "",
       "EHLO c.test\nMAIL FROM:<a@x.test>|RCPT TO:<b@y.test>|RCPT TO:<c@y.test>\n" +
           simple},
      {"TLS", "", "", true},
      {"TLS with AUTH", kAuthenticators,
       "--auth PLAIN --auth-user kim --auth-password secret", true},
      {"TLS 1.2", "", "--tls-protocol tlsv1_2 --tls-sni mx.test", true},
  };
}

// The words of a shape's arguments for swaks.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// One message to whoever listens there.
void converse(const Shape& shape, std::uint16_t port) {
  if (shape.tls) {
    auto args = words_of(shape.script);
    args.insert(args.end(), {"--tls", "--data", "Subject: in TLS\\n\\nHello.\\n",
                             "--local-interface", "127.0.0.1"});
    Outcome end = receive_tests::swaks(port, std::move(args));
    EXPECT_EQ(end.status, 0) << end.out << end.err;
    return;
  }
  Peer peer(port);
  peer.reply();
  std::string rest = shape.script, reply;
  while (!rest.empty()) {
    std::string line = rest.substr(0, rest.find('\n'));
    rest.erase(0, line.size() + 1);
    std::ptrdiff_t replies = 1 + std::ranges::count(line, '|');
    for (std::size_t at; (at = line.find('|')) != line.npos;)
      line.replace(at, 1, "\r\n");  // a group in one packet
    peer.send(line + "\r\n");
    if (line.starts_with("BDAT")) peer.send(std::exchange(rest, {}));
    for (; replies > 0; --replies) {
      reply = peer.reply();
      EXPECT_TRUE(reply[0] == '2' || reply[0] == '3') << line << ": " << reply;
    }
    if (line == "DATA") {
      peer.send(std::exchange(rest, {}));
      reply = peer.reply();
      EXPECT_EQ(reply[0], '2') << reply;
    }
  }
  peer.ask("QUIT");
}

class Exim {
 public:
  explicit Exim(const std::string& config) : port_(free_port()) {
    fs::permissions(dir_.path(), fs::perms(0777));
    fs::create_directory(dir_ / "spool");
    std::string mail =
        config.contains("acl_smtp_rcpt") ? "" : "acl_smtp_rcpt = accept\n";
    write_file(
        dir_ / "conf",
        "primary_hostname = mx.test\nspool_directory = " + (dir_ / "spool").string() +
            "\nlog_file_path = " + (dir_ / "%slog").string() +
            "\npid_file_path = " + (dir_ / "pid").string() +
            "\nkeep_environment =\nqueue_only\nlocal_interfaces = 127.0.0.1\n"
            "rfc1413_query_timeout = 0s\nhost_lookup =\n"
            "smtp_accept_queue_per_connection = 0\ndaemon_smtp_ports = " +
            std::to_string(port_) + "\n" + mail + config);
    auto owned =
        support::run({.program = "chown", .args = {"Debian-exim:", dir_ / "spool"}});
    EXPECT_EQ(owned.status, 0) << owned.err;
    server_.emplace(support::Command{.program = *support::find_program("exim4"),
                                     .args = {"-C", dir_ / "conf", "-bdf"}},
                    port_);
  }
  std::uint16_t port() const { return port_; }
  fs::path spool() const { return dir_ / "spool"; }
  std::string log() const { return text_of(dir_ / "mainlog"); }

 private:
  support::TempDir dir_;
  std::uint16_t port_;
  std::optional<Server> server_;
};

// What may differ between two servers that took the same mail, or lies in the name of
// the program.  `text` of an -H file without it.
std::string comparable(std::string text) {
  struct Rule {
    const char *what, *becomes;
  };
  for (const Rule& rule : {
           Rule{"\\b[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2}\\b", "ID"},
           Rule{"^(ID-H\n)[^\n]*\n", "$1OWNER\n"},  // login, uid and gid
           Rule{"\n[0-9]{10} 0\n", "\nTIME 0\n"},
           Rule{"(-received_time_(usec|complete)) [^\n]*", "$1 TIME"},
           Rule{"(-frozen) [0-9]*", "$1 TIME"},
           Rule{"(-(host|interface)_address \\[[^\\]]*\\]):[0-9]+", "$1:PORT"},
           Rule{"\n[0-9]{3}P (Received: from [^;]*\\n\tby mx.test with )",
                "\nSIZE P $1"},
           Rule{"\\((Exim|bobbin) [^)]*\\)", "(PROGRAM)"},
           Rule{";\n\t[A-Z][a-z]{2}, [^\n]*\n", ";\n\tDATE\n"},
           // Exim knows which values its own configuration gave, and trusts these: we
           // mark all of them as from outside, which costs nothing but trust.
           Rule{"\n--(acl[cm] )", "\n-$1"},
           // Debian's Exim has GnuTLS, which has names of its own and cannot tell
           // whether a client asked for a ticket.
           Rule{"(-tls_cipher TLS1.[23]):[^\n]*:", "$1:CIPHER:"},
           Rule{"( tls )TLS_[A-Z0-9_]*\n", "$1CIPHER\n"},
           Rule{"-tls_resumption [BD]\n", "-tls_resumption B\n"},
       })
    text = std::regex_replace(text, std::regex(rule.what), rule.becomes);
  return text;
}

// The only file of input/ with that end.
std::string only_file(const fs::path& spool, const char* end) {
  std::string found = "none";
  for (const auto& file : fs::recursive_directory_iterator(spool / "input"))
    if (file.path().filename().string().ends_with(end)) found = text_of(file.path());
  return found;
}

// What both need for a shape.
std::string config_of(const Shape& shape) {
  if (!shape.tls) return shape.config;
  // Exim's user must come to the files.
  fs::permissions(fs::path(certificate("mx.pem")).parent_path(), fs::perms(0755));
  fs::permissions(certificate("mx.key"), fs::perms(0644));
  return "tls_certificate = " + certificate("mx.pem") +
         "\ntls_privatekey = " + certificate("mx.key") + "\n" + shape.config;
}

// Their number, as an -H file says it: behind the tree of those who are done.
std::string recipients_of(const std::string& h_text) {
  std::size_t at = h_text.find("\nXX\n") + 4;
  return h_text.substr(at, h_text.find('\n', at) - at);
}

// "<" what only Exim has, ">" what only we have.
std::string difference(const std::string& exim, const std::string& ours) {
  support::TempDir dir;
  write_file(dir / "exim", exim);
  write_file(dir / "ours", ours);
  auto end = support::run({.program = "diff", .args = {dir / "exim", dir / "ours"}});
  return end.status == 0 ? "" : end.out + end.err;
}

}  // namespace

TEST(ReceiveExim, RX26_ASpoolIsTheSameWhoeverTookTheMail) {
  REQUIRE_EXIM();
  REQUIRE_PROGRAM("swaks");
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.name);
    std::string config = config_of(shape);
    Exim exim(config);
    Receiver receiver(config);
    converse(shape, exim.port());
    converse(shape, receiver.port());
    std::string theirs = only_file(exim.spool(), "-H"),
                ours = only_file(receiver.spool(), "-H");
    EXPECT_EQ(difference(comparable(theirs), comparable(ours)), "")
        << exim.log() << receiver.main_log();
    theirs = only_file(exim.spool(), "-D");
    ours = only_file(receiver.spool(), "-D");
    EXPECT_EQ(theirs.substr(std::min<std::size_t>(theirs.size(), 19)),
              ours.substr(std::min<std::size_t>(ours.size(), 19)));
  }
}

TEST(ReceiveExim, RX26_EximListsShowsAndDeliversEveryShape) {
  REQUIRE_EXIM();
  REQUIRE_PROGRAM("swaks");
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.name);
    Receiver receiver(config_of(shape));
    converse(shape, receiver.port());
    ASSERT_THAT(receiver.ids(), SizeIs(1)) << receiver.main_log();
    std::string id = receiver.ids()[0];
    support::TempDir dir;
    fs::permissions(dir.path(), fs::perms(0777));
    std::string out = (dir / "delivered").string();
    write_file(dir / "conf",
               "primary_hostname = exim.test\nkeep_environment =\nnever_users =\n"
               "spool_wireformat\nspool_directory = " +
                   receiver.spool().string() +
                   "\nlog_file_path = " + (dir / "%slog").string() +
                   "\nbegin routers\nall:\n driver = accept\n transport = file\n"
                   "begin transports\nfile:\n driver = appendfile\n file = " +
                   out + "\n user = Debian-exim\n use_bsmtp\n batch_max = 2000\n");
    auto owned = support::run(
        {.program = "chown", .args = {"-R", "Debian-exim:", receiver.spool()}});
    ASSERT_EQ(owned.status, 0) << owned.err;
    auto ask = [&](std::vector<std::string> args) {
      args.insert(args.begin(), {"-C", dir / "conf"});
      return support::run({.program = *support::find_program("exim4"), .args = args});
    };
    EXPECT_THAT(ask({"-bp"}).out, HasSubstr(" " + id + " <"));
    fs::path input = receiver.spool() / "input";
    std::string h = text_of(input / (id + "-H")), d = text_of(input / (id + "-D"));
    EXPECT_EQ(ask({"-Mvh", id}).out, h);
    EXPECT_EQ(ask({"-Mvb", id}).out, d);
    EXPECT_EQ(ask({"-M", id}).status, 0);
    // What may lie there now is Exim's report to a sender who asked for one.
    EXPECT_FALSE(fs::exists(input / (id + "-H"))) << text_of(dir / "mainlog");
    std::string got = text_of(out);
    std::size_t commands = std::min(got.find("\nDATA\n"), got.size());
    auto recipients = lines_of(got.substr(0, commands));
    std::size_t count = static_cast<std::size_t>(std::ranges::count_if(
        recipients,
        [](const std::string& line) { return line.starts_with("RCPT TO:<"); }));
    EXPECT_EQ(std::to_string(count), recipients_of(h));
  }
}
