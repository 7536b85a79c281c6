// SPDX-License-Identifier: Apache-2.0
//
// bobbin-load against bobbin-sink: both ends of every other end-to-end test.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>

#include "tests/e2e/receive_peers.h"
#include "tests/support/certificates.h"
#include "tests/support/process.h"
#include "tests/support/sink_report.h"
#include "tests/support/temp_dir.h"

namespace {

using support::program;

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void spill(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A running sink.
class Sink {
 public:
  explicit Sink(std::vector<std::string> args)
      : process_({.program = program("bobbin-sink"), .args = std::move(args)}) {
    EXPECT_TRUE(process_.saw("\n")) << process_.err();
    const std::string& line = process_.out();
    std::size_t at = line.find("127.0.0.1:");
    EXPECT_NE(at, line.npos) << line;
    address_ = line.substr(at, line.find('\n') - at);
  }

  support::Outcome load(std::vector<std::string> args) const {
    args.insert(args.end(), {"--to", address_});
    return support::run({.program = program("bobbin-load"), .args = std::move(args)});
  }

  // Python's smtplib, connected as `smtp`.  What it prints, or how it fails.
  std::string python(const std::string& script,
                     const std::string& kind = "SMTP") const {
    auto end = receive_tests::python(
        "import smtplib, ssl, sys, time\nto, certificate = sys.argv[1:]\n"
        "try:\n  smtp = smtplib." +
            kind + "(*to.split(':'), timeout=30)\n  " + script +
            "\nexcept smtplib.SMTPResponseException as e:\n"
            "  print('refused', e.smtp_code)\n"
            "except (smtplib.SMTPException, OSError) as e:\n"
            "  print(type(e).__name__)\n",
        {address_, support::certificate("ca.pem")});
    EXPECT_EQ(end.status, 0) << end.err;
    return end.out.substr(0, end.out.find_last_not_of('\n') + 1);
  }

  // How a connection fails within half a second.
  std::string connect() const {
    return receive_tests::python(
               "import socket, sys\n"
               "try: socket.create_connection(sys.argv[1].split(':'), 0.5)\n"
               "except OSError as e: print(type(e).__name__, end='')\n",
               {address_})
        .out;
  }

  // Its counts, after SIGTERM.
  std::string stop() {
    process_.signal(SIGTERM);
    support::Outcome end = process_.wait();
    EXPECT_EQ(end.status, 0) << end.err;
    return end.out.substr(end.out.find('\n') + 1);
  }

 private:
  support::Process process_;
  std::string address_;
};

bool counts(const std::string& json, const std::string& key, unsigned value) {
  return json.find("\"" + key + "\":" + std::to_string(value) + ",") != json.npos;
}

TEST(Sink, CountsWhatLoadSends) {
  for (const char* mode : {"--json", "--no-pipelining"}) {
    Sink sink({});
    auto load = sink.load({"-n", "300", "-c", "7", "--per-connection", "13",
                           "--recipients", "3", "--domains", "5", mode});
    EXPECT_EQ(load.status, 0) << load.err;
    std::string json = sink.stop();
    EXPECT_TRUE(counts(json, "messages", 300)) << json;
    EXPECT_TRUE(counts(json, "recipients", 900)) << json;
    EXPECT_TRUE(counts(json, "duplicates", 0)) << json;
  }
}

TEST(Sink, DumpsTheBytesThatWereSent) {
  support::TempDir dir;
  const std::string first = "Subject: dots\n\n.\n..\n.x\nlast\n";
  const std::string second = "Subject: crlf\r\n\r\n\xff no end";
  spill(dir / "1", first);
  spill(dir / "2", second);
  Sink sink({"--dump", dir / "got"});
  auto load =
      sink.load({"-n", "2", "--from", dir / "1", "--from", dir / "2", "--sender", "",
                 "--recipient", "u%d@y.example", "--recipients", "2"});
  EXPECT_EQ(load.status, 0) << load.err;
  sink.stop();
  EXPECT_EQ(slurp(dir / "got/000001.eml"), first);
  EXPECT_EQ(slurp(dir / "got/000002.eml"), "Subject: crlf\n\n\xff no end\n");
  EXPECT_EQ(slurp(dir / "got/000002.env"),
            "client 127.0.0.1\nhelo load.example\nmail \nrcpt u2@y.example\n"
            "rcpt u3@y.example\n");
}

TEST(Sink, FindsDuplicates) {
  support::TempDir dir;
  spill(dir / "1", "message-id: <1@x>\n\nbody\n");
  Sink sink({});
  auto load = sink.load({"-n", "3", "--from", dir / "1", "--recipient", "u@y"});
  EXPECT_EQ(load.status, 0) << load.err;
  EXPECT_TRUE(counts(sink.stop(), "duplicates", 2));
}

struct Fault {
  std::vector<std::string> sink;
  std::string says;  // on load's stderr
  unsigned kept;     // of ten messages to user0 ... user9 in one session
};

TEST(Sink, FailsOnPurpose) {
  const Fault faults[] = {
      {{"--reject-rcpt", "^user[02468]@"}, "550 5.1.1", 5},
      {{"--defer-rcpt", "user1"}, "450 4.2.1", 9},
      {{"--reply", "connect=554 no"}, "554 no", 0},
      {{"--reply", "mail=451 4.3.0 later"}, "451 4.3.0 later", 0},
      {{"--reply", "data=451 later"}, "451 later", 0},
      {{"--reply", "dot=550 5.7.1 spam"}, "550 5.7.1 spam", 0},
      {{"--size-limit", "1k"}, "552 5.3.4", 0},
      {{"--drop-at", "connect", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "helo", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "mail", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "rcpt", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "data", "--drop-times", "1"}, "closed", 9},
      {{"--drop-at", "dot", "--drop-times", "1"}, "closed", 10},
  };
  for (const Fault& fault : faults) {
    Sink sink(fault.sink);
    auto load = sink.load({"-n", "10"});
    EXPECT_EQ(load.status, 1) << fault.sink[1];
    EXPECT_TRUE(load.err.find(fault.says) != load.err.npos ||
                load.err.find("reset") != load.err.npos)
        << fault.sink[1] << ": " << load.err;
    std::string json = sink.stop();
    EXPECT_TRUE(counts(json, "messages", fault.kept)) << fault.sink[1] << json;
  }
}

TEST(Sink, GivesARecipientWhatItAsksFor) {
  Sink sink({"--by-local-part"});
  const std::pair<const char*, const char*> rows[] = {
      {"code-451+1@y.example", "451 4.0.0"},
      {"code-550@y.example", "550 5.0.0"},
      {"dot-452@y.example", "452 4.0.0"},
      {"drop-dot@y.example", "closed"},
  };
  for (const auto& [recipient, says] : rows) {
    auto load = sink.load({"-n", "1", "--recipient", recipient});
    EXPECT_EQ(load.status, 1) << recipient;
    EXPECT_NE(load.err.find(says), load.err.npos) << recipient << load.err;
  }
  EXPECT_EQ(sink.load({"-n", "1", "--recipient", "slow-1@y.example"}).status, 0);
  EXPECT_TRUE(counts(sink.stop(), "messages", 2));  // one of them has lost its answer
}

// Every fault is met somewhere in so many messages; what was answered 250 was taken.
TEST(Sink, FailsByChance) {
  Sink sink({"--chaos", "1:5"});
  auto load = sink.load({"-n", "300", "--json"});
  EXPECT_EQ(load.status, 1);
  auto taken = support::parse_sink_counts(sink.stop());
  EXPECT_GT(taken.number.at("dropped"), 0U);
  EXPECT_GT(taken.number.at("messages"), 100U);
  EXPECT_LT(taken.number.at("messages"), 300U);
}

TEST(Sink, WritesWhatHappenedWhen) {
  support::TempDir dir;
  Sink sink(
      {"--events", dir / "events", "--delay-dot", "20", "--max-connections", "2"});
  auto load = sink.load({"-n", "6", "-c", "2", "--per-connection", "3"});
  EXPECT_EQ(load.status, 0) << load.err;
  EXPECT_TRUE(support::each_once(support::parse_sink_counts(sink.stop()), 6));
  auto events = support::read_sink_events(dir / "events");
  EXPECT_EQ(support::most_open(events), 2U);
  auto messages = support::messages_by_connection(events);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1], 3U);
  EXPECT_EQ(support::dot_times(events).size(), 6U);
  EXPECT_EQ(support::pipelined(events).followed, 4U);
  std::map<std::string, unsigned> times;
  for (const auto& event : events) ++times[event.event];
  EXPECT_EQ(times["answered"], 6U);
  for (const auto& event : events)
    EXPECT_TRUE(event.event != "answered" || event.code == 250) << event.code;
}

// MAIL that came before the answer to the message before it is seen before that leaves.
TEST(Sink, SeesWhatIsPipelinedBehindTheDot) {
  const std::string script =
      "smtp.ehlo()\n  smtp.mail('a@x'); smtp.rcpt('b@y'); smtp.docmd('DATA')\n"
      "  smtp.send(b'Subject: 1\\r\\n\\r\\n.\\r\\n')\n"
      "  %smtp.send(b'MAIL FROM:<a@x>\\r\\n')\n"
      "  %print(smtp.getreply()[0])\n  smtp.quit()";
  for (bool ahead : {true, false}) {
    support::TempDir dir;
    Sink sink({"--events", dir / "events", "--delay-dot", "200"});
    std::string words = script;
    std::size_t first = words.find('%'), second = words.find('%', first + 1);
    words.replace(second, 1, ahead ? "smtp.getreply(); " : "");
    words.replace(first, 1, ahead ? "" : "smtp.getreply(); ");
    EXPECT_EQ(sink.python(words), "250");
    sink.stop();
    auto found = support::pipelined(support::read_sink_events(dir / "events"));
    EXPECT_EQ(found.followed, 1U);
    EXPECT_EQ(found.ahead, ahead ? 1U : 0U);
  }
}

// Some servers lose it (spec/queue-run.md 16.1): then nobody answers the MAIL.
TEST(Sink, FlushesWhatIsPipelinedBehindTheDot) {
  const std::string script =
      "smtp.ehlo(); smtp.sock.settimeout(1)\n"
      "  smtp.mail('a@x'); smtp.rcpt('b@y'); smtp.docmd('DATA')\n"
      "  smtp.send(b'Subject: 1\\r\\n\\r\\n.\\r\\nMAIL FROM:<a@x>\\r\\n')\n"
      "  print(smtp.getreply()[0], end=' ')\n  smtp.getreply()";
  Sink sink({"--flush-input"});
  EXPECT_EQ(sink.python(script), "250 SMTPServerDisconnected");
  EXPECT_TRUE(counts(sink.stop(), "messages", 1));
}

TEST(Sink, ReadsSlowly) {
  Sink sink({"--read-rate", "20k"});
  auto before = std::chrono::steady_clock::now();
  auto load = sink.load({"-n", "1", "--size", "4k"});
  EXPECT_EQ(load.status, 0) << load.err;
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(180));
}

TEST(Sink, SpeaksLmtp) {
  Sink sink({"--lmtp", "--by-local-part"});
  EXPECT_EQ(sink.python("codes = [smtp.docmd('EHLO c.example')[0]]; smtp.ehlo()\n"
                        "  for line in ['MAIL FROM:<a@x>', 'RCPT TO:<b@y>',"
                        " 'RCPT TO:<dot-452@y>', 'RCPT TO:<c@y>', 'DATA']:\n"
                        "    codes.append(smtp.docmd(line)[0])\n"
                        "  smtp.send(b'Subject: 1\\r\\n\\r\\n.\\r\\n')\n"
                        "  print(*codes, *(smtp.getreply()[0] for _ in range(3)))",
                        "LMTP"),
            "500 250 250 250 250 354 250 452 250");
  auto counts = support::parse_sink_counts(sink.stop());
  EXPECT_EQ(counts.number.at("recipients"), 2U);
}

TEST(Sink, TakesChunks) {
  support::TempDir dir;
  Sink sink({"--dump", dir / "got"});
  EXPECT_EQ(sink.python("smtp.ehlo(); smtp.mail('a@x'); smtp.rcpt('b@y')\n"
                        "  smtp.send(b'BDAT 10\\r\\nSubject: 1'); "
                        "print(smtp.getreply()[0])\n"
                        "  smtp.send(b'BDAT 8 LAST\\r\\n\\r\\n\\r\\n.\\r\\nx'); "
                        "print(smtp.getreply()[0])"),
            "250\n250");
  sink.stop();
  EXPECT_EQ(slurp(dir / "got/000001.eml"), "Subject: 1\n\n.\nx\n");
}

TEST(Sink, WantsALogin) {
  Sink sink({"--auth", "kim:secret"});
  const std::string mail = "; print(smtp.mail('a@x')[0])";
  EXPECT_EQ(sink.python("smtp.ehlo()" + mail), "530");
  EXPECT_EQ(sink.python("smtp.login('kim', 'secret')" + mail), "250");
  EXPECT_EQ(sink.python("smtp.ehlo(); smtp.user, smtp.password = 'kim', 'secret'; "
                        "smtp.auth('LOGIN', smtp.auth_login)" +
                        mail),
            "250");
  EXPECT_EQ(sink.python("smtp.login('kim', 'wrong')"), "refused 535");
  EXPECT_TRUE(counts(sink.stop(), "authenticated", 2));
}

TEST(Sink, ServesTlsOrFailsTo) {
  const std::string verified =
      "context = ssl.create_default_context(cafile=certificate)"
      "; context.check_hostname = False; smtp.ehlo(); "
      "smtp.starttls(context=context); "
      "smtp.ehlo(); print(smtp.mail('a@x')[0])";
  Sink honest({"--tls-certificate", support::certificate("mx.pem"), "--tls-key",
               support::certificate("mx.key")});
  EXPECT_EQ(honest.python(verified), "250");
  EXPECT_TRUE(counts(honest.stop(), "encrypted", 1));

  Sink stranger({"--tls-certificate", support::certificate("stranger.pem"), "--tls-key",
                 support::certificate("stranger.key")});
  EXPECT_EQ(stranger.python(verified), "SSLCertVerificationError");
  Sink garbage({"--tls-fault", "garbage"});
  EXPECT_EQ(garbage.python(verified), "SSLError");
  Sink dropping({"--tls-fault", "drop"});
  EXPECT_NE(dropping.python(verified), "250");
  Sink silent({"--tls-fault", "silent"});
  EXPECT_EQ(silent.python("smtp.sock.settimeout(0.2); " + verified), "TimeoutError");
  Sink refusing({"--tls-fault", "drop", "--reply", "starttls=454 4.7.0 not now"});
  EXPECT_EQ(refusing.python(verified), "refused 454");
}

TEST(Sink, IsDead) {
  const std::pair<const char*, const char*> rows[] = {
      {"refused", "ConnectionRefusedError"}, {"silent", "TimeoutError"}};
  for (const auto& [kind, error] : rows) {
    Sink sink({"--dead", kind});
    EXPECT_EQ(sink.connect(), error);
    EXPECT_EQ(sink.stop(), "");
  }
}

TEST(Sink, CapsConnections) {
  Sink sink({"--max-connections", "2", "--delay-dot", "1"});
  auto load = sink.load({"-n", "40", "-c", "4"});
  EXPECT_EQ(load.status, 1);
  EXPECT_NE(load.err.find("421 4.3.2"), load.err.npos) << load.err;
  std::string json = sink.stop();
  EXPECT_TRUE(counts(json, "dropped", 0)) << json;
}

TEST(Sink, EndsAfterEnough) {
  support::TempDir dir;
  support::Process sink({.program = program("bobbin-sink"),
                         .args = {"--max-messages", "3", "--count-file", dir / "counts",
                                  "--port-file", dir / "port"}});
  ASSERT_TRUE(sink.saw("listening on"));
  std::string port = slurp(dir / "port");
  port.pop_back();
  auto load = support::run({.program = program("bobbin-load"),
                            .args = {"-n", "3", "--to", "127.0.0.1:" + port}});
  EXPECT_EQ(load.status, 0) << load.err;
  EXPECT_EQ(sink.wait().status, 0);
  EXPECT_TRUE(counts(slurp(dir / "counts"), "messages", 3));
}

TEST(Sink, SaysWhatIsWrongWithItsOptions) {
  const std::pair<std::vector<std::string>, int> rows[] = {
      {{"--listen", "localhost:25"}, 64}, {{"--reply", "dot"}, 64},
      {{"--reply", "body=250 x"}, 64},    {{"--reply", "dot=x"}, 64},
      {{"--drop-at", "never"}, 64},       {{"--reject-rcpt", "("}, 64},
      {{"--listen", "192.0.2.1:0"}, 69},  {{"--chaos", "7"}, 64},
      {{"--no-extension", "ETRN"}, 64},   {{"--limits", "MAILMAX=0"}, 64},
      {{"--dead", "quite"}, 64},          {{"--tls-certificate", "/nowhere"}, 78},
  };
  for (const auto& [args, status] : rows) {
    auto end = support::run({.program = program("bobbin-sink"), .args = args});
    EXPECT_EQ(end.status, status) << args[0] << " " << args[1] << ": " << end.err;
  }
}

}  // namespace
