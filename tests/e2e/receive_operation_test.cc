// SPDX-License-Identifier: Apache-2.0
//
// bobbin-receive as a service: how many it lets in, how it ends, how it begins anew,
// and what it may still do (spec/smtp-features.md 14).
#include <gmock/gmock.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "base/sandbox.h"
#include "tests/e2e/receive_support.h"
#include "tests/support/free_port.h"

namespace {

using receive_tests::Receiver;
using receiver_test::Peer;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
namespace fs = std::filesystem;

// Until `holds`, or too long.
template <class Condition>
bool eventually(Condition holds) {
  auto end = std::chrono::steady_clock::now() + support::Process::kDeadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

bool logs(const Receiver& receiver, const std::string& text) {
  return eventually([&] { return receiver.main_log().contains(text); });
}

std::string status_of(pid_t pid) {
  return *base::read_file("/proc/" + std::to_string(pid) + "/status");
}

// As soon as somebody listens there.
Peer patient_peer(std::uint16_t port) {
  std::optional<Peer> peer;
  eventually([&] {
    try {
      peer.emplace(port);
    } catch (const std::system_error&) {
      return false;
    }
    return true;
  });
  return std::move(peer.value());
}

void open_data(Peer& peer) {
  peer.reply();
  peer.ask("EHLO c.test");
  peer.ask("MAIL FROM:<a@x.test>");
  peer.ask("RCPT TO:<b@y.test>");
  EXPECT_THAT(peer.ask("DATA"), StartsWith("354 "));
}

// ---- limits

TEST(ReceiveLimits, OP1_OneTooManyIs421AndTheOthersStay) {
  Receiver receiver("smtp_accept_max = 200\n");
  std::list<Peer> peers;
  for (int i = 0; i < 200; ++i) {
    peers.emplace_back(receiver.port());
    ASSERT_THAT(peers.back().reply(), StartsWith("220 "));
  }
  Peer late(receiver.port());
  EXPECT_THAT(late.reply(), StartsWith("421 4.3.2 "));
  EXPECT_TRUE(late.at_end());
  for (Peer& peer : peers) EXPECT_THAT(peer.ask("NOOP"), StartsWith("250 "));
  EXPECT_TRUE(logs(receiver, "[127.0.0.1] refused: too many connections"));
  peers.pop_front();
  EXPECT_TRUE(
      eventually([&] { return Peer(receiver.port()).reply().starts_with("220 "); }));
}

TEST(ReceiveLimits, OP2_SoManyOfOneHostAndNoMore) {
  Receiver receiver("smtp_accept_max_per_host = 2\n",
                    {"--listen", "127.0.0.1:0/proxy"});
  struct Row {
    const char* claim;
    const char* reply;
  };
  std::list<Peer> peers;
  for (const Row& row : {
           Row{"TCP4 192.0.2.7 192.0.2.1 1 25", "220 "},
           Row{"TCP4 192.0.2.7 192.0.2.1 2 25", "220 "},
           Row{"TCP4 192.0.2.7 192.0.2.1 3 25", "421 4.3.2 "},
           Row{"TCP4 192.0.2.8 192.0.2.1 1 25", "220 "},
           Row{"TCP6 2001:db8::1 2001:db8::25 1 25", "220 "},
           Row{"TCP6 2001:db8::2 2001:db8::25 1 25", "220 "},
           Row{"TCP6 2001:db8::3 2001:db8::25 1 25", "421 4.3.2 "},
           Row{"TCP6 2001:db8:0:1::1 2001:db8::25 1 25", "220 "},
       }) {
    peers.emplace_back(receiver.port());
    EXPECT_THAT(peers.back().ask(std::string("PROXY ") + row.claim),
                StartsWith(row.reply))
        << row.claim;
  }
  EXPECT_TRUE(logs(receiver, "[192.0.2.7] refused: too many connections"));
}

TEST(ReceiveLimits, PerHostLimitMayDependOnTheClient) {
  Receiver receiver(
      "smtp_accept_max_per_host = ${if match_ip{$sender_host_address}"
      "{192.0.2.0/24}{1}{0}}\n",
      {"--listen", "127.0.0.1:0/proxy"});
  Peer known(receiver.port()), other(receiver.port());
  EXPECT_THAT(known.ask("PROXY TCP4 192.0.2.7 192.0.2.1 1 25"), StartsWith("220 "));
  EXPECT_THAT(other.ask("PROXY TCP4 198.51.100.1 192.0.2.1 1 25"), StartsWith("421 "));
}

TEST(ReceiveLimits, LastSeatsAreForTheReserve) {
  Receiver receiver(
      "smtp_accept_max = 3\nsmtp_accept_reserve = 1\n"
      "smtp_reserve_hosts = 192.0.2.7\n",
      {"--listen", "127.0.0.1:0/proxy"});
  auto enter = [&](Peer& peer, const char* address) {
    return peer.ask("PROXY TCP4 " + std::string(address) + " 192.0.2.1 1 25");
  };
  Peer one(receiver.port()), two(receiver.port());
  EXPECT_THAT(enter(one, "198.51.100.1"), StartsWith("220 "));
  EXPECT_THAT(enter(two, "198.51.100.2"), StartsWith("220 "));
  Peer three(receiver.port());
  EXPECT_THAT(enter(three, "198.51.100.3"), StartsWith("421 "));
  EXPECT_TRUE(three.at_end());
  EXPECT_TRUE(eventually([&] {
    Peer listed(receiver.port());
    return enter(listed, "192.0.2.7").starts_with("220 ");
  }));
}

TEST(ReceiveLimits, ProxyHeaderIsAMustWhereTheEntranceSaysSo) {
  Receiver receiver("", {"--listen", "127.0.0.1:0/proxy"});
  Peer peer(receiver.port());
  peer.send("EHLO c.test\r\n");
  EXPECT_TRUE(peer.at_end());
  EXPECT_TRUE(logs(receiver, "PROXY protocol error"));
}

TEST(ReceiveLimits, IpOptionsAreRefused) {
  Receiver receiver;
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Record route, with room for three addresses.
  std::array<unsigned char, 16> options{7, 15, 4};
  ASSERT_EQ(::setsockopt(socket.get(), IPPROTO_IP, IP_OPTIONS, options.data(),
                         options.size()),
            0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(receiver.port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  std::array<char, 100> reply{};
  ASSERT_GT(::recv(socket.get(), reply.data(), reply.size(), 0), 4);
  EXPECT_THAT(reply.data(), StartsWith("554 "));
  EXPECT_TRUE(logs(receiver, "refused: with IP options"));
}

TEST(ReceiveLimits, OP12_IdleConnectionsCostLittle) {
  Receiver receiver;
  auto memory = [&] {
    std::string status = status_of(receiver.process().pid());
    return std::atol(status.substr(status.find("VmRSS:") + 6).c_str());
  };
  std::list<Peer> peers;
  auto connect = [&](int count) {
    for (int i = 0; i < count; ++i) {
      peers.emplace_back(receiver.port());
      ASSERT_THAT(peers.back().reply(), StartsWith("220 "));
    }
  };
  connect(20);
  long before = memory();
  constexpr int kMany = 400;
  connect(kMany);
  long most = base::has_sanitizer() ? 1000 : 32;  // KiB
  EXPECT_LT((memory() - before) / kMany, most);
  EXPECT_THAT(receive_tests::send(receiver.port(), "MAIL FROM:<a@x>\nRCPT TO:<b@y>\n",
                                  "A: 1\r\n\r\nx\r\n"),
              SizeIs(16));
  EXPECT_EQ(receiver.stop().status, 0);
}

// ---- the end

// One client after the other, until there is nobody to talk to; the ids that were
// promised.
std::vector<std::string> send_until_the_end(std::uint16_t port) {
  std::vector<std::string> ids;
  while (true) {
    try {
      Peer peer(port);
      if (!peer.reply().starts_with("220 ")) return ids;
      if (!peer.ask("EHLO c.test").starts_with("250")) return ids;
      while (true) {
        if (!peer.ask("MAIL FROM:<a@x.test>").starts_with("250 ")) break;
        if (!peer.ask("RCPT TO:<b@y.test>").starts_with("250 ")) break;
        if (!peer.ask("DATA").starts_with("354 ")) break;
        std::string reply = peer.ask("A: 1\r\n\r\ntext\r\n.");
        std::size_t mark = reply.find(" id=");
        if (!reply.starts_with("250 ") || mark == reply.npos) break;
        ids.push_back(reply.substr(mark + 4, 16));
      }
    } catch (const std::system_error&) {
      return ids;
    }
  }
}

TEST(ReceiveEnd, OP5_UnderLoadEveryPromiseIsKeptAndNothingElse) {
  for (const char* threads : {"1", "3"}) {
    Receiver receiver("", {"--threads", threads});
    std::mutex mutex;
    std::vector<std::string> promised;
    std::list<std::jthread> clients;
    for (int i = 0; i < 100; ++i)
      clients.emplace_back([&] {
        auto ids = send_until_the_end(receiver.port());
        std::lock_guard guard(mutex);
        promised.insert(promised.end(), ids.begin(), ids.end());
      });
    ASSERT_TRUE(eventually([&] { return receiver.ids().size() > 300; }));
    auto begin = std::chrono::steady_clock::now();
    auto outcome = receiver.stop();
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(50));
    clients.clear();
    std::ranges::sort(promised);
    EXPECT_EQ(promised, receiver.ids());
    for (const auto& file : fs::directory_iterator(receiver.spool() / "input")) {
      std::string name = file.path().filename();
      EXPECT_TRUE(std::ranges::binary_search(promised, name.substr(0, 16))) << name;
    }
  }
}

TEST(ReceiveEnd, WhoIsNotDoneInTimeHears421) {
  Receiver receiver("", {"--drain", "1s"});
  Peer peer(receiver.port());
  open_data(peer);
  receiver.process().signal(SIGTERM);
  EXPECT_THAT(peer.reply(), StartsWith("421 4.3.2 "));
  EXPECT_EQ(receiver.process().wait().status, 0);
  EXPECT_THAT(receiver.ids(), IsEmpty());
  EXPECT_TRUE(fs::is_empty(receiver.spool() / "input"));
}

TEST(ReceiveEnd, SecondSignalEndsAllLoops) {
  Receiver receiver("", {"--threads", "3"});
  std::list<Peer> peers;
  for (int i = 0; i < 12; ++i) {
    peers.emplace_back(receiver.port());
    open_data(peers.back());
  }
  receiver.process().signal(SIGTERM);
  ASSERT_TRUE(eventually([&] {
    try {
      Peer more(receiver.port());
    } catch (const std::system_error&) {
      return true;
    }
    return false;
  }));
  receiver.process().signal(SIGTERM);
  for (Peer& peer : peers) EXPECT_THAT(peer.reply(), StartsWith("421 "));
  EXPECT_EQ(receiver.process().wait().status, 0);
}

// ---- a new policy

class ReceiveReload : public testing::Test {
 protected:
  void write_policy(const std::string& rest) {
    // As an editor does it: nobody reads half a file.
    std::ofstream(receiver.dir() / "conf.new")
        << "primary_hostname = mx.test\nsmtp_accept_max = 0\n"
        << rest;
    fs::rename(receiver.dir() / "conf.new", receiver.dir() / "conf");
  }
  std::string greeting() { return Peer(receiver.port()).reply(); }

  Receiver receiver{"smtp_banner = old\n"};
};

TEST_F(ReceiveReload, NewConnectionsGetTheNewPolicy) {
  Peer before(receiver.port());
  EXPECT_EQ(before.reply(), "220 old\n");
  write_policy("smtp_banner = new\nacl_smtp_rcpt = deny\n");
  receiver.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return greeting() == "220 new\n"; }));
  before.ask("EHLO c.test");
  before.ask("MAIL FROM:<a@x.test>");
  EXPECT_THAT(before.ask("RCPT TO:<b@y.test>"), StartsWith("250 "));
  EXPECT_TRUE(logs(receiver, "the policy was read again"));
}

TEST_F(ReceiveReload, OP6_BrokenPolicyIsNotTaken) {
  write_policy("smtp_banner = new\nacl_smtp_rcpt = \n no_such_option = 1\n");
  receiver.process().signal(SIGHUP);
  EXPECT_TRUE(logs(receiver, "the policy was not read again: "));
  EXPECT_THAT(receiver.main_log(), HasSubstr("1 mistake"));
  EXPECT_TRUE(receiver.process().saw("no_such_option"));
  EXPECT_EQ(greeting(), "220 old\n");
  write_policy("smtp_banner = mended\nacl_smtp_rcpt = accept\n");
  receiver.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return greeting() == "220 mended\n"; }));
}

TEST_F(ReceiveReload, OP6_MissingCertificateIsNotTaken) {
  write_policy("smtp_banner = new\ntls_certificate = " +
               (receiver.dir() / "none.pem").string() + "\n");
  receiver.process().signal(SIGHUP);
  EXPECT_TRUE(logs(receiver, "the policy was not read again: "));
  EXPECT_EQ(greeting(), "220 old\n");
}

TEST_F(ReceiveReload, OP7_NobodyIsRefusedMeanwhile) {
  std::atomic<bool> done = false;
  std::jthread signals([&] {
    for (int i = 0; i < 20; ++i) {
      write_policy("smtp_banner = " + std::to_string(i) + "\nacl_smtp_rcpt = accept\n");
      receiver.process().signal(SIGHUP);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    done = true;
  });
  while (!done) ASSERT_THAT(greeting(), StartsWith("220 "));
  EXPECT_TRUE(eventually([&] { return greeting() == "220 19\n"; }));
}

TEST_F(ReceiveReload, LogsThatWereMovedAreFollowed) {
  fs::rename(receiver.spool() / "log/mainlog", receiver.spool() / "log/mainlog.1");
  receiver.process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] {
    return fs::exists(receiver.spool() / "log/mainlog") &&
           receiver.main_log().contains("read again");
  }));
}

// ---- the service manager

// Hears what the receiver says to its manager.
class Manager {
 public:
  Manager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::string name = path();
    name.copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    timeval deadline{60, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  }

  std::string path() const { return dir_ / "notify"; }
  // The next word, but for STATUS= and, unless they are wanted, WATCHDOG=1.
  std::string heard(bool watchdog = false) {
    while (true) {
      std::array<char, 4096> bytes{};
      auto count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return "nothing";
      std::string text(bytes.data(), static_cast<std::size_t>(count));
      if (text.starts_with("STATUS=")) continue;
      if (watchdog || text != "WATCHDOG=1") return text.substr(0, text.find('\n'));
    }
  }

 private:
  support::TempDir dir_;
  base::Fd socket_;
};

TEST(ReceiveService, TellsItsManagerHowItIs) {
  Manager manager;
  Receiver receiver("", {}, {"NOTIFY_SOCKET=" + manager.path()});
  EXPECT_EQ(manager.heard(), "READY=1");
  receiver.process().signal(SIGHUP);
  EXPECT_EQ(manager.heard(), "RELOADING=1");
  EXPECT_EQ(manager.heard(), "READY=1");
  receiver.process().signal(SIGTERM);
  EXPECT_EQ(manager.heard(), "STOPPING=1");
  EXPECT_EQ(receiver.process().wait().status, 0);
}

TEST(ReceiveService, OP14_WatchdogIsFedWhileScriptsStall) {
  support::TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  std::ofstream(dir / "stall") << "#!/bin/sh\nexec sleep 600\n";
  fs::permissions(dir / "stall", fs::perms(0755));
  std::ofstream(dir / "list")
      << "[data]\ndir = " + dir.path().string() +
             "\n[script stall]\norder = 10\nexec = stall\ntimeout = 100s\n";
  fs::permissions(dir / "list", fs::perms(0644));
  Manager manager;
  Receiver receiver("data_scripts = " + (dir / "list").string() + "\n",
                    {"--threads", "2"},
                    {"NOTIFY_SOCKET=" + manager.path(), "WATCHDOG_USEC=300000"});
  EXPECT_EQ(manager.heard(), "READY=1");
  Peer peer(receiver.port());
  open_data(peer);
  peer.send("A: 1\r\n\r\ntext\r\n.\r\n");
  for (int i = 0; i < 6; ++i) EXPECT_EQ(manager.heard(true), "WATCHDOG=1");
  receiver.process().signal(SIGTERM);
  EXPECT_EQ(manager.heard(), "STOPPING=1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(manager.heard(true), "WATCHDOG=1");
  receiver.process().signal(SIGTERM);
  EXPECT_EQ(receiver.process().wait().status, 0);
  EXPECT_THAT(receiver.ids(), IsEmpty());
}

TEST(ReceiveService, ScriptsJudgeAndAreReadAgain) {
  support::TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  std::ofstream(dir / "judge") << "#!/bin/sh\nexit 10\n";
  fs::permissions(dir / "judge", fs::perms(0755));
  auto write_list = [&](const std::string& keys) {
    std::ofstream(dir / "list.new")
        << "[data]\ndir = " + dir.path().string() + "\n" + keys;
    fs::permissions(dir / "list.new", fs::perms(0644));
    fs::rename(dir / "list.new", dir / "list");
  };
  write_list("[script judge]\norder = 10\nexec = judge\n");
  Receiver receiver("data_scripts = " + (dir / "list").string() + "\n");
  auto offer = [&] {
    Peer peer(receiver.port());
    open_data(peer);
    return peer.ask("A: 1\r\n\r\ntext\r\n.");
  };
  EXPECT_THAT(offer(), StartsWith("5"));
  write_list("");
  receiver.process().signal(SIGHUP);
  EXPECT_TRUE(logs(receiver, "the policy was read again"));
  EXPECT_THAT(offer(), StartsWith("250 "));
}

// The arguments of a program that is started with sockets, by `starter`.
std::vector<std::string> served(const support::TempDir& dir,
                                std::vector<std::string> starter) {
  fs::permissions(dir.path(), fs::perms(0777));
  std::ofstream(dir / "conf") << "primary_hostname = mx.test\nacl_smtp_rcpt = accept\n";
  starter.insert(starter.end(), {support::program("bobbin-receive"), "-C", dir / "conf",
                                 "-s", dir / "spool"});
  return starter;
}

TEST(ReceiveActivation, OP8_ServesASocketOfTheServiceManager) {
  support::TempDir dir;
  std::uint16_t port = support::free_port();
  support::Process process(
      {.program = "systemd-socket-activate",
       .args =
           served(dir, {"-l", "127.0.0.1:" + std::to_string(port), "--fdname=smtp"})});
  Peer peer = patient_peer(port);
  EXPECT_THAT(peer.reply(), StartsWith("220 mx.test"));
  EXPECT_THAT(receive_tests::send(port, "MAIL FROM:<a@x>\nRCPT TO:<b@y>\n",
                                  "A: 1\r\n\r\nx\r\n"),
              SizeIs(16));
  process.signal(SIGTERM);
  EXPECT_THAT(peer.reply(), StartsWith("421 "));
  EXPECT_EQ(process.wait().status, 0);
}

TEST(ReceiveActivation, OP8_SocketsForAnotherProcessAreIgnored) {
  support::TempDir dir;
  auto end = support::run({.program = support::program("bobbin-receive"),
                           .args = {"-s", dir / "spool"},
                           .env = {"LISTEN_PID=1", "LISTEN_FDS=1"}});
  EXPECT_EQ(end.status, 64) << end.err;
  EXPECT_THAT(end.err, HasSubstr("nowhere to listen"));
}

TEST(ReceiveActivation, UnknownRoleIsAMistake) {
  support::TempDir dir;
  std::uint16_t port = support::free_port();
  support::Process process(
      {.program = "systemd-socket-activate",
       .args =
           served(dir, {"-l", "127.0.0.1:" + std::to_string(port), "--fdname=http"})});
  Peer peer = patient_peer(port);
  auto end = process.wait();
  EXPECT_EQ(end.status, 78);
  EXPECT_THAT(end.err, HasSubstr("FileDescriptorName=smtp"));
}

TEST(ReceiveActivation, ServesOneClientAndEnds) {
  for (const char* way : {"--accept", "--inetd"}) {
    support::TempDir dir;
    std::uint16_t port = support::free_port();
    std::vector<std::string> starter = {"-l", "127.0.0.1:" + std::to_string(port),
                                        "--accept"};
    bool inetd = std::string_view(way) == "--inetd";
    if (inetd) starter.emplace_back("--inetd");
    auto args = served(dir, starter);
    if (inetd) args.emplace_back("--stdio");
    support::Process process({.program = "systemd-socket-activate", .args = args});
    Peer peer = patient_peer(port);
    open_data(peer);
    EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("250 "));
    EXPECT_THAT(peer.ask("QUIT"), StartsWith("221 "));
    EXPECT_TRUE(peer.at_end()) << way;
    std::string log = *base::read_file(dir / "spool/log/mainlog");
    EXPECT_THAT(log, HasSubstr("<= a@x.test H=(c.test) [127.0.0.1]"));
    process.signal(SIGTERM);
    process.wait();
  }
}

TEST(ReceiveActivation, StdioWantsASocket) {
  support::TempDir dir;
  auto end = support::run({.program = support::program("bobbin-receive"),
                           .args = {"-s", dir / "spool", "--stdio"}});
  EXPECT_EQ(end.status, 64);
  EXPECT_THAT(end.err, HasSubstr("--stdio: standard input is no socket"));
}

// ---- rights

// Without any, and no way to new ones.
void expect_powerless(pid_t pid) {
  std::string status = status_of(pid);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_THAT(status, HasSubstr(std::string(set) + ":\t0000000000000000\n"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1\n"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2\n"));
}

TEST(ReceiveRights, OP9_NoneAreLeftAfterTheStart) {
  Receiver receiver;
  expect_powerless(receiver.process().pid());
}

TEST(ReceiveRights, OP9_OrdinaryUserServesAnActivatedSocket) {
  if (::geteuid() != 0) GTEST_SKIP() << "every test is that, then";
  support::TempDir dir;
  std::uint16_t port = support::free_port();
  support::Process process(
      {.program = "setpriv",
       .args = served(dir, {"--reuid=nobody", "--regid=nogroup", "--clear-groups",
                            "systemd-socket-activate", "-l",
                            "127.0.0.1:" + std::to_string(port), "--fdname=smtp"})});
  Peer peer = patient_peer(port);
  open_data(peer);
  EXPECT_THAT(peer.ask("A: 1\r\n\r\nx\r\n."), StartsWith("250 "));
  expect_powerless(process.pid());
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().status, 0);
}

TEST(ReceiveRights, RootBecomesTheOwnerOfTheSpool) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can";
  support::TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  fs::create_directory(dir / "spool");
  ASSERT_EQ(::chown((dir / "spool").c_str(), 61234, 61235), 0);
  Receiver named("", {"--user", "nobody"});
  EXPECT_THAT(status_of(named.process().pid()), HasSubstr("Uid:\t65534\t65534\t65534"));
  support::Process process({.program = support::program("bobbin-receive"),
                            .args = {"-s", dir / "spool", "--listen", "127.0.0.1:0"}});
  ASSERT_TRUE(process.saw("\n")) << process.err();
  EXPECT_THAT(status_of(process.pid()), HasSubstr("Uid:\t61234\t61234\t61234"));
  auto port = process.out().substr(process.out().rfind(':') + 1);
  EXPECT_THAT(
      receive_tests::send(static_cast<std::uint16_t>(std::atoi(port.c_str())),
                          "MAIL FROM:<a@x>\nRCPT TO:<b@y>\n", "A: 1\r\n\r\nx\r\n"),
      SizeIs(16));
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait().status, 0) << process.err();
}

TEST(ReceiveRights, SandboxCanBeLeftOut) {
  Receiver receiver("", {"--no-sandbox"});
  EXPECT_THAT(status_of(receiver.process().pid()), HasSubstr("Seccomp:\t0\n"));
}

TEST(ReceiveRights, FilesThatThePolicyDoesNotNameAreOutOfReach) {
  support::TempDir dir;
  fs::permissions(dir.path(), fs::perms(0755));
  for (const char* name : {"named", "hidden"}) {
    fs::create_directory(dir / name);
    std::ofstream(dir / name / "file") << "text";
  }
  // Put together at the last moment, so that nobody knows it beforehand.
  auto encoded = support::run(
      {.program = "base64", .args = {"-w0"}, .input = (dir / "hidden/file").string()});
  Receiver receiver(
      "acl_smtp_rcpt = accept\nacl_smtp_vrfy = look\nbegin acl\nlook:\n"
      "  deny condition = ${if eq{$smtp_command_argument}{named}}\n"
      "         message = found ${readfile{" +
      (dir / "named/file").string() +
      "}}\n"
      "  deny message = found ${readfile{${base64d:" +
      encoded.out + "}}}\n");
  Peer peer(receiver.port());
  peer.reply();
  peer.ask("EHLO c.test");
  EXPECT_THAT(peer.ask("VRFY named"), HasSubstr("found text"));
  EXPECT_THAT(peer.ask("VRFY hidden"), Not(HasSubstr("found text")));
  EXPECT_TRUE(logs(receiver, "ermission denied"));
}

}  // namespace
