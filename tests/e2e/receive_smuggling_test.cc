// SPDX-License-Identifier: Apache-2.0
//
// SMTP smuggling (CVE-2023-51764 to -51766): what some servers take for the end of a
// message is never one here, nor at anybody whom we hand the message on to
// (spec/smtp-features.md 1.5, RX-7 and CT-11).
#include <gmock/gmock.h>

#include "tests/e2e/receive_peers.h"

namespace {

using receive_tests::free_port;
using receive_tests::Receiver;
using receive_tests::Server;
using receive_tests::text_of;
using receive_tests::write_file;
using receiver_test::Peer;
using support::Outcome;
using testing::SizeIs;
using testing::StartsWith;
namespace fs = std::filesystem;

using namespace std::string_literals;

struct Sequence {
  const char* name;
  std::string octets;
};

const std::vector<Sequence> kSequences = {
    {"LF.LF", "\n.\n"},
    {"LF.CRLF", "\n.\r\n"},
    {"CRLF.LF", "\r\n.\n"},
    {"CR.CR", "\r.\r"},
    {"CRLF.CR", "\r\n.\r"},
    {"CR.CRLF", "\r.\r\n"},
    {"CR.LF", "\r.\n"},
    {"LF.CR", "\n.\r"},
    {"CRLFNUL.CRLF", "\r\n\0.\r\n"s},
    {"CRLF.NULCRLF", "\r\n.\0\r\n"s},
    {"CRCRLF.CRLF", "\r\r\n.\r\r\n"},
};

// What the sender hopes will be a second message.
const std::string kSmuggled =
    "MAIL FROM:<evil@x.test>\r\nRCPT TO:<victim@y.test>\r\nDATA\r\n"
    "Subject: smuggled\r\n\r\nevil";

// The end of the first header line decides how Exim reads what follows.
std::string message_with(const Sequence& sequence,
                         std::string_view first_end = "\r\n") {
  return "Subject: " + std::string(sequence.name) + std::string(first_end) +
         "\r\nfirst" + sequence.octets + kSmuggled + "\r\n";
}

// In two packets that part at `cut`.
void send_parted(Peer& peer, const std::string& text, std::size_t cut) {
  peer.send(text.substr(0, cut));
  peer.send(text.substr(cut));
}

// Conversations with one receiver, and the number of messages that it took.
class Smuggler {
 public:
  explicit Smuggler(const Receiver& receiver) : receiver_(receiver) {}

  void try_data(const Sequence& sequence, std::string_view first_end = "\r\n") {
    std::string text = message_with(sequence, first_end) + ".\r\n";
    for (std::size_t cut : cuts(text, sequence)) {
      Peer peer(receiver_.port());
      open(peer);
      EXPECT_THAT(peer.ask("DATA"), StartsWith("354 "));
      send_parted(peer, text, cut);
      judge(peer, peer.reply(), cut, first_end == "\n");
    }
  }

  // One chunk, and two chunks that part inside of the sequence.
  void try_chunks(const Sequence& sequence) {
    std::string text = message_with(sequence);
    for (std::size_t cut : cuts(text, sequence)) {
      Peer whole(receiver_.port());
      open(whole);
      std::string bdat = "BDAT " + std::to_string(text.size()) + " LAST\r\n";
      send_parted(whole, bdat + text, bdat.size() + cut);
      judge(whole, whole.reply(), cut);

      try_two_chunks(text, cut);
    }
  }

  int taken() const { return taken_; }

 private:
  static std::vector<std::size_t> cuts(const std::string& text,
                                       const Sequence& sequence) {
    std::size_t at = text.find("first") + 5;
    std::vector<std::size_t> cuts;
    for (std::size_t i = 0; i <= sequence.octets.size(); ++i) cuts.push_back(at + i);
    return cuts;
  }
  static void open(Peer& peer) {
    peer.reply();
    peer.ask("EHLO c.test");
    EXPECT_THAT(peer.ask("MAIL FROM:<a@x.test>"), StartsWith("250 "));
    EXPECT_THAT(peer.ask("RCPT TO:<b@y.test>"), StartsWith("250 "));
  }
  void try_two_chunks(const std::string& text, std::size_t cut) {
    Peer peer(receiver_.port());
    open(peer);
    peer.send("BDAT " + std::to_string(cut) + "\r\n" + text.substr(0, cut));
    EXPECT_THAT(peer.reply(), StartsWith("250 "));
    peer.send("BDAT " + std::to_string(text.size() - cut) + " LAST\r\n" +
              text.substr(cut));
    judge(peer, peer.reply(), cut);
  }
  // One answer to the whole message, and the conversation goes on behind it; or, where
  // the message began with a bare LF and Exim's rules let one end it, is over.
  void judge(Peer& peer, const std::string& reply, std::size_t cut,
             bool may_close = false) {
    SCOPED_TRACE("cut at " + std::to_string(cut) + ": " + reply);
    bool taken = reply.starts_with("250 ");
    EXPECT_TRUE(taken || reply.starts_with("550 5.6.0 ")) << reply;
    taken_ += taken;
    std::string next = peer.ask("NOOP");
    if (may_close && taken && next.empty()) return;
    EXPECT_THAT(next, StartsWith("250 "));
    EXPECT_THAT(peer.ask("QUIT"), StartsWith("221 "));
    EXPECT_TRUE(peer.at_end());
  }

  const Receiver& receiver_;
  int taken_ = 0;
};

// Everything known, sent to `receiver`; how many messages it took.
int smuggle(const Receiver& receiver) {
  Smuggler smuggler(receiver);
  for (const Sequence& sequence : kSequences) {
    SCOPED_TRACE(sequence.name);
    smuggler.try_data(sequence);
    smuggler.try_data(sequence, "\n");
    smuggler.try_chunks(sequence);
  }
  return smuggler.taken();
}

int count_of(const std::string& text, std::string_view what) {
  int count = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1))
    ++count;
  return count;
}

// Sends a copy of the spool on; how many messages stayed behind.
std::size_t relay(const Receiver& receiver, const std::string& smarthost) {
  support::TempDir dir;
  fs::copy(receiver.spool(), dir / "spool", fs::copy_options::recursive);
  write_file(dir / "conf", "primary_hostname = relay.test\nspool_directory = " +
                               (dir / "spool").string() + "\n");
  Outcome end =
      support::run({.program = support::program("bobbin-run"),
                    .args = {"-C", dir / "conf", "-qff", "--smarthost", smarthost}});
  EXPECT_EQ(end.status, 0) << end.out << end.err;
  std::size_t left = 0;
  for (const auto& file : fs::recursive_directory_iterator(dir / "spool/input"))
    left += file.path().filename().string().ends_with("-H");
  if (left > 0) ADD_FAILURE() << text_of(dir / "spool/log/mainlog");
  return left;
}

const std::vector<std::string> kModes = {"line_endings = reject\n",
                                         "line_endings = exim\n",
                                         "line_endings = exim\nspool_wireformat\n"};

}  // namespace

TEST(ReceiveSmuggling, RX7_ExactlyOneMessageResultsOrNone) {
  for (const std::string& mode : kModes) {
    SCOPED_TRACE(mode);
    Receiver receiver(mode);
    int taken = smuggle(receiver);
    EXPECT_THAT(receiver.ids(), SizeIs(taken));
    EXPECT_EQ(count_of(receiver.main_log(), " <= a@x.test "), taken);
    EXPECT_EQ(count_of(receiver.main_log(), "evil@x.test"), 0);
    EXPECT_GT(taken, mode.contains("exim") ? 100 : 0);
  }
}

TEST(ReceiveSmuggling, CT11_RealEximGetsEachMessageOnce) {
  REQUIRE_PROGRAM("exim4");
  if (::geteuid() != 0) GTEST_SKIP() << "Exim takes -C from root only";
  for (const std::string& mode : kModes) {
    SCOPED_TRACE(mode);
    Receiver receiver(mode);
    int taken = smuggle(receiver);
    support::TempDir dir;
    fs::permissions(dir.path(), fs::perms(0777));
    std::uint16_t port = free_port();
    write_file(
        dir / "conf",
        "primary_hostname = exim.test\nspool_directory = " + (dir / "spool").string() +
            "\nlog_file_path = " + (dir / "%slog").string() +
            "\npid_file_path = " + (dir / "pid").string() +
            "\nkeep_environment =\nqueue_only\nacl_smtp_rcpt = accept\n"
            "smtp_accept_max = 100\nlocal_interfaces = 127.0.0.1\n"
            "daemon_smtp_ports = " +
            std::to_string(port) + "\nsmtp_accept_max_per_connection = 1000\n");
    fs::create_directory(dir / "spool");
    auto owned =
        support::run({.program = "chown", .args = {"Debian-exim:", dir / "spool"}});
    ASSERT_EQ(owned.status, 0) << owned.err;
    Server exim({.program = *support::find_program("exim4"),
                 .args = {"-C", dir / "conf", "-bdf"}},
                port);
    EXPECT_EQ(relay(receiver, exim.address()), 0U);
    std::string log = text_of(dir / "mainlog");
    EXPECT_EQ(count_of(log, " <= a@x.test "), taken) << log;
    EXPECT_EQ(count_of(log, " <= "), taken) << log;
    EXPECT_EQ(count_of(log, "evil@x.test"), 0) << log;
  }
}

TEST(ReceiveSmuggling, CT11_AiosmtpdGetsEachMessageOnce) {
  REQUIRE_PROGRAM("aiosmtpd");
  for (const std::string& mode : kModes) {
    SCOPED_TRACE(mode);
    Receiver receiver(mode);
    int taken = smuggle(receiver);
    std::uint16_t port = free_port();
    support::TempDir dir;
    // Into a file: nobody reads its output while the relay runs.
    Server aiosmtpd({.program = "sh",
                     .args = {"-c",
                              "exec aiosmtpd -n -c aiosmtpd.handlers.Debugging "
                              "stdout -l 127.0.0.1:$0 >$1",
                              std::to_string(port), dir / "out"}},
                    port);
    EXPECT_EQ(relay(receiver, aiosmtpd.address()), 0U);
    aiosmtpd.stop();
    std::string out = text_of(dir / "out");
    EXPECT_EQ(count_of(out, "MESSAGE FOLLOWS"), taken);
    EXPECT_EQ(count_of(out, "mail from: evil"), 0);
  }
}

TEST(ReceiveSmuggling, CT11_PostfixsSinkGetsEachMessageOnce) {
  REQUIRE_POSTFIX();
  fs::path root = *support::postfix_root();
  for (const std::string& mode : kModes) {
    SCOPED_TRACE(mode);
    Receiver receiver(mode);
    int taken = smuggle(receiver);
    support::TempDir dir;
    fs::permissions(dir.path(), fs::perms(0777));
    std::uint16_t port = free_port();
    std::string library = "LD_LIBRARY_PATH=" + (root / "usr/lib/postfix").string();
    Server sink({.program = (root / "usr/sbin/smtp-sink").string(),
                 .args = {"-u", "nobody", "-R", dir.path().string(), "-d", "message.",
                          "127.0.0.1:" + std::to_string(port), "100"},
                 .env = {library}},
                port);
    EXPECT_EQ(relay(receiver, sink.address()), 0U);
    int got = 0;
    for (const auto& file : fs::directory_iterator(dir.path())) {
      std::string text = text_of(file.path());
      if (!text.contains("X-Mail-Args: ")) continue;
      ++got;
      EXPECT_EQ(count_of(text, "X-Mail-Args: <evil"), 0) << text;
    }
    EXPECT_EQ(got, taken);
  }
}
