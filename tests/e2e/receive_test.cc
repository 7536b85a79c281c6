// SPDX-License-Identifier: Apache-2.0
//
// bobbin-receive as a process: real clients in front of it, a real Exim behind it.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <set>
#include <sstream>

#include "base/fd.h"
#include "tests/e2e/receive_support.h"
#include "tests/support/peers.h"

using receive_tests::Receiver;
using receive_tests::send;
using receiver_test::Peer;
using support::Outcome;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& path) {
  return base::read_file(path).value_or("unreadable: " + path.string());
}

std::string with_crlf(std::string_view text) {
  std::string wire;
  for (char c : text) {
    if (c == '\n') wire += '\r';
    wire += c;
  }
  return wire;
}

// --- a real Exim on the receiver's spool ----------------------------------------

// Delivers everything into one file a message, as a batch of SMTP commands.
class Exim {
 public:
  explicit Exim(const Receiver& receiver) : dir_(receiver.dir()) {
    fs::create_directory(dir_ / "out");
    run_tool("chown", {"Debian-exim:", dir_ / "out"});
    std::ofstream(dir_ / "exim.conf")
        << "primary_hostname = exim.test\n"
           "keep_environment =\n"
           "never_users =\n"
           "split_spool_directory = true\n"
           "spool_directory = "
        << receiver.spool().string() << "\nlog_file_path = " << (dir_ / "out").string()
        << "/%slog\n"
           "begin routers\n"
           "all:\n"
           "  driver = accept\n"
           "  transport = file\n"
           "begin transports\n"
           "file:\n"
           "  driver = appendfile\n"
           "  file = "
        << (dir_ / "out").string()
        << "/$message_exim_id\n"
           "  user = Debian-exim\n"
           "  use_bsmtp\n"
           "  batch_max = 1000\n"
           "  message_prefix =\n"
           "  message_suffix =\n";
  }

  Outcome ask(std::vector<std::string> args) const {
    args.insert(args.begin(), {"-C", dir_ / "exim.conf"});
    return support::run(
        {.program = *support::find_program("exim4"), .args = std::move(args)});
  }
  // What a delivery wrote: envelope, header lines and body, dots stuffed.
  std::string delivered(const std::string& id) const {
    return text_of(dir_ / "out" / id);
  }
  std::string log() const { return text_of(dir_ / "out/mainlog"); }

 private:
  static void run_tool(std::string program, std::vector<std::string> args) {
    auto end = support::run({.program = std::move(program), .args = std::move(args)});
    EXPECT_EQ(end.status, 0) << end.err;
  }

  fs::path dir_;
};

#define REQUIRE_EXIM()      \
  REQUIRE_PROGRAM("exim4"); \
  if (::geteuid() != 0) GTEST_SKIP() << "Exim takes -C from root only"

struct Shape {
  const char* what;
  std::string envelope, content;  // LF line ends, dots not stuffed
};

std::vector<Shape> shapes() {
  const std::string one = "MAIL FROM:<a@x.test>\nRCPT TO:<b@y.test>\n";
  std::string many = "MAIL FROM:<a@x.test> BODY=8BITMIME\n";
  for (int i = 0; i < 100; ++i) many += "RCPT TO:<r" + std::to_string(i) + "@y.test>\n";
  std::string long_body = "Subject: long\n\n";
  for (int i = 0; i < 3000; ++i) long_body += std::string(76, 'x') + "\n";
  std::string folded =
      "Subject: first\n second\n\tthird\n"
      "To: x\n"
      "X-Long:";
  for (int i = 0; i < 50; ++i) folded += " word" + std::to_string(i) + "\n ";
  return {
      {"plain", one, "From: a\nTo: b\nSubject: plain\n\nHello.\n"},
      {"no body", one, "Subject: no body\n"},
      {"empty", one, ""},
      {"no headers", one, "\nonly a body\n"},
      {"body at once", one, "this is no header line\nSubject: nor this\n\nx\n"},
      {"bounce, two recipients",
       "MAIL FROM:<>\nRCPT TO:<b@y.test>\nRCPT TO:<c@y.test>\n",
       "Subject: bounce\n\nx\n"},
      {"quoted", "MAIL FROM:<\"a b\"@x.test>\nRCPT TO:<\"c@d\"@y.test>\n",
       "A: 1\n\nx\n"},
      {"hundred recipients", many, "Subject: many\n\nx\n"},
      {"8 bits", one, "Subject: caf\xe9\n\n\xff\xfe\x80 caf\xc3\xa9\n"},
      {"dots", one, "A: 1\n\n.\n..\n.x\n...\n"},
      {"long lines", one, "A: 1\n\n" + std::string(20'000, 'y') + "\n"},
      {"long body", one, long_body},
      {"folded", one, folded + "end\n\nx\n"},
      {"own ids", one, "Message-ID: <1@x>\nMessage-ID: <2@x>\nDate: now\n\nx\n"},
      {"removed", one, "Return-path: <q>\nBcc: x@y\nSender: s@x\n\nx\n"},
  };
}

// The header lines and body that a delivery must show for `content`, Received aside.
std::string expected_delivery(std::string content) {
  const std::string removed = "Return-path: <q>\n";  // "removed" above
  if (content.starts_with(removed)) content.erase(0, removed.size());
  if (content.starts_with("this is no")) content.insert(0, "\n");
  if (content.empty() || content == "Subject: no body\n") content += "\n";
  std::string stuffed;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);)
    stuffed += (line.starts_with('.') ? "." : "") + line + "\n";
  return stuffed;
}

std::string stuffed_wire(const std::string& content) {
  std::string stuffed;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);)
    stuffed += (line.starts_with('.') ? "." : "") + line + "\n";
  return with_crlf(stuffed);
}

}  // namespace

TEST(Receive, RX26_EximListsRewritesAndDeliversEveryShape) {
  REQUIRE_EXIM();
  support::TempDir unused;
  for (const char* config : {"", "split_spool_directory\n"}) {
    // The spool belongs to Exim, so all that comes into it must, too.
    Receiver receiver(config, {"--user", "Debian-exim"});
    Exim exim(receiver);
    for (const Shape& shape : shapes()) {
      SCOPED_TRACE(shape.what);
      std::string id =
          send(receiver.port(), shape.envelope, stuffed_wire(shape.content));
      ASSERT_THAT(id, SizeIs(16));
      EXPECT_THAT(exim.ask({"-bp"}).out, HasSubstr(" " + id + " <"));

      fs::path h_file =
          receiver.spool() / "input" / (*config ? id.substr(5, 1) : "") / (id + "-H");
      std::string before = text_of(h_file);
      std::string sender = shape.envelope.substr(11, shape.envelope.find('>') - 11);
      auto edited = exim.ask({"-Mes", id, sender.empty() ? "<>" : sender});
      EXPECT_THAT(edited.out, HasSubstr("has been modified")) << edited.err;
      EXPECT_EQ(text_of(h_file), before) << "Exim writes the same file differently";

      auto end = exim.ask({"-M", id});
      EXPECT_EQ(end.status, 0) << end.err;
      std::string got = exim.delivered(id);
      std::size_t received = got.find("\nReceived: ");
      std::size_t last = got.find(";\n\t", received);
      ASSERT_NE(last, got.npos) << got;
      std::size_t headers = got.find('\n', last + 2) + 1;
      EXPECT_EQ(got.substr(headers), expected_delivery(shape.content) + ".\n");
    }
    EXPECT_THAT(receiver.ids(), IsEmpty());
    EXPECT_EQ(receiver.stop().status, 0);
  }
}

TEST(Receive, SwaksSendsAMessage) {
  REQUIRE_PROGRAM("swaks");
  Receiver receiver;
  for (const char* option : {"--pipeline", "--protocol=SMTP"}) {
    auto end = support::run(
        {.program = "swaks",
         .args = {"--server", "127.0.0.1", "--port", std::to_string(receiver.port()),
                  "-f", "a@x.test", "-t", "b@y.test,c@y.test", option}});
    EXPECT_EQ(end.status, 0) << end.out << end.err;
    EXPECT_THAT(end.out, HasSubstr("250 2.0.0 OK id="));
  }
  EXPECT_THAT(receiver.ids(), SizeIs(2));
}

TEST(Receive, RX19_ManyMessagesOverManyConnectionsGetDistinctIds) {
  for (const char* threads : {"1", "2"}) {
    Receiver receiver("message_id_format = 23\n", {"--threads", threads});
    auto end = support::run({.program = support::program("bobbin-load"),
                             .args = {"--to", receiver.address(), "-n", "1000", "-c",
                                      "200", "--size", "500"}});
    EXPECT_EQ(end.status, 0) << end.out << end.err;
    EXPECT_THAT(receiver.ids(), SizeIs(1000));
    // Files of one name would have been one file: the log counts the promises.
    std::istringstream log(text_of(receiver.spool() / "log/mainlog"));
    std::set<std::string> logged;
    std::size_t arrivals = 0;
    for (std::string line; std::getline(log, line);) {
      if (!line.contains(" <= ")) continue;
      ++arrivals;
      logged.insert(line.substr(20, 23));
    }
    EXPECT_EQ(arrivals, 1000U);
    EXPECT_THAT(logged, SizeIs(1000));
    EXPECT_EQ(receiver.stop().status, 0);
  }
}

TEST(Receive, EndsAtSigtermWhenTransactionsAreOver) {
  for (const char* threads : {"1", "3"}) {
    Receiver receiver("", {"--threads", threads});
    Peer idle(receiver.port());
    idle.reply();
    idle.ask("EHLO c.test");
    Peer busy(receiver.port());
    busy.reply();
    busy.ask("EHLO c.test");
    busy.ask("MAIL FROM:<a@x>");
    busy.ask("RCPT TO:<b@y>");
    EXPECT_THAT(busy.ask("DATA"), StartsWith("354 "));
    receiver.process().signal(SIGTERM);
    EXPECT_THAT(idle.reply(), StartsWith("421 "));
    EXPECT_TRUE(idle.at_end());
    EXPECT_THAT(busy.ask("A: 1\r\n\r\nx\r\n."), HasSubstr(" id="));
    EXPECT_THAT(busy.reply(), StartsWith("421 "));
    EXPECT_EQ(receiver.process().wait().status, 0);
    EXPECT_THAT(receiver.ids(), SizeIs(1));
  }
}

TEST(Receive, SecondSigtermDoesNotWait) {
  Receiver receiver;
  Peer peer(receiver.port());
  peer.reply();
  peer.ask("EHLO c.test");
  peer.ask("MAIL FROM:<a@x>");
  peer.ask("RCPT TO:<b@y>");
  EXPECT_THAT(peer.ask("DATA"), StartsWith("354 "));
  Peer idle(receiver.port());
  idle.reply();
  receiver.process().signal(SIGTERM);
  EXPECT_THAT(idle.reply(), StartsWith("421 "));
  receiver.process().signal(SIGTERM);
  EXPECT_EQ(receiver.process().wait().status, 0);
  EXPECT_TRUE(fs::is_empty(receiver.spool() / "input"));
}

TEST(Receive, RX21_FileSizeLimitIs451AndNothingRemains) {
  support::TempDir dir;
  std::string script = "ulimit -f 64; exec \"$0\" -s \"$1\" --listen 127.0.0.1:0";
  support::Process process(
      {.program = "sh",
       .args = {"-c", script, support::program("bobbin-receive"), dir / "spool"}});
  ASSERT_TRUE(process.saw("listening on ")) << process.err();
  EXPECT_THAT(process.err(), StartsWith("bobbin-receive: bobbin-top will not show this "
                                        "receiver: "))
      << "a board is too large, too, and no reason not to serve";
  Peer peer(static_cast<std::uint16_t>(
      std::atoi(process.out().substr(process.out().rfind(':') + 1).c_str())));
  peer.reply();
  peer.ask("EHLO c.test");
  peer.ask("MAIL FROM:<a@x>");
  peer.ask("RCPT TO:<b@y>");
  peer.ask("DATA");
  peer.send("A: 1\r\n\r\n");
  for (int i = 0; i < 10'000; ++i) peer.send(std::string(98, 'x') + "\r\n");
  EXPECT_THAT(peer.ask("."), StartsWith("451 4.3.0 "));
  EXPECT_TRUE(fs::is_empty(dir / "spool/input"));
  EXPECT_THAT(peer.ask("QUIT"), StartsWith("221 "));
}

TEST(Receive, SaysWhatIsWrongWithTheCommandLine) {
  support::TempDir dir;
  struct Row {
    std::vector<std::string> args;
    int status;
    std::string says;
  };
  Receiver taken;
  for (const Row& row : {
           Row{{}, 64, "nowhere to listen"},
           Row{{"--listen", "localhost"}, 64, "bobbin-receive: "},
           Row{{"--listen", "127.0.0.1:0", "--threads", "0"}, 64, "--threads"},
           Row{{"--listen", taken.address()}, 69, "in use"},
           Row{{"--listen", "127.0.0.1:0", "-s", dir / "no/such"}, 66, "no/such"},
           Row{{"--listen", "127.0.0.1:0", "-C", dir / "none"}, 78, "none"},
       }) {
    std::vector<std::string> args = row.args;
    if (std::ranges::find(args, "-s") == args.end())
      args.insert(args.end(), {"-s", dir / "spool"});
    auto end = support::run(
        {.program = support::program("bobbin-receive"), .args = std::move(args)});
    EXPECT_EQ(end.status, row.status) << end.err;
    EXPECT_THAT(end.err, HasSubstr(row.says));
    EXPECT_EQ(std::ranges::count(end.err, '\n'), 1) << end.err;
  }
}

TEST(Receive, MakesASpoolNamedRelativeToItsDirectory) {
  support::TempDir dir;
  support::Process process({.program = support::program("bobbin-receive"),
                            .args = {"-s", "spool", "--listen", "127.0.0.1:0"},
                            .directory = dir.path()});
  ASSERT_TRUE(process.saw("\n")) << process.err();
  auto port = process.out().substr(process.out().rfind(':') + 1);
  EXPECT_THAT(send(static_cast<std::uint16_t>(std::atoi(port.c_str())),
                   "MAIL FROM:<a@x>\nRCPT TO:<b@y>\n", "A: 1\r\n\r\nx\r\n"),
              SizeIs(16));
}
