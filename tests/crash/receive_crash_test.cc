// SPDX-License-Identifier: Apache-2.0
//
// bobbin-receive, killed or tripped at everything it does to the disk: what was
// answered with 250 is there, byte for byte, and what is there was sent (spec of
// reception, "Accept-before-durable").
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/fd.h"
#include "base/text.h"
#include "smtp/body.h"
#include "smtp/reply.h"
#include "spoolfmt/d_file.h"
#include "spoolfmt/h_file.h"
#include "tests/crash/strike.h"
#include "tests/support/temp_dir.h"

namespace crash {
namespace {

namespace fs = std::filesystem;

// --- a client -----------------------------------------------------------------

// Speaks SMTP over a socket and notes when nobody answers any more.
class Client {
 public:
  explicit Client(unsigned port)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) !=
        0)
      fd_.reset();
  }

  // Sends and waits for one reply; its code, or 0 if the connection is over.
  int say(std::string_view text) {
    while (fd_ && !text.empty()) {
      ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) fd_.reset();
      if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return hear();
  }

  int hear() {
    while (fd_) {
      std::string_view bytes = unread_;
      auto reply = parser_.feed(bytes);
      unread_.erase(0, unread_.size() - bytes.size());
      if (reply && *reply) return (*reply)->code;
      pollfd wait{fd_.get(), POLLIN, 0};
      char buffer[4096];
      ssize_t got = ::poll(&wait, 1, 30'000) == 1
                        ? ::recv(fd_.get(), buffer, sizeof buffer, 0)
                        : -1;
      if (got <= 0) fd_.reset();
      if (got > 0) unread_.append(buffer, static_cast<std::size_t>(got));
    }
    return 0;
  }

 private:
  base::Fd fd_;
  smtp::ReplyParser parser_;
  std::string unread_;
};

// --- messages ----------------------------------------------------------------------

struct Message {
  std::string name;  // in Message-ID
  std::string sender;
  std::vector<std::string> recipients;
  std::string body;  // LF line ends

  std::string headers() const {
    return "Message-ID: <" + name + "@crash.example>\nSubject: " + name + "\n";
  }
};

// Small, large enough for several writes and full of what needs care, and empty.
std::vector<Message> messages() {
  std::string large;
  for (int i = 0; large.size() < 150'000; ++i)
    large += (i % 3 == 0 ? "." : "") +
             std::string(static_cast<std::size_t>(i % 100), 'x') +
             (i % 7 == 0 ? std::string(1, '\0') : "") + "\n";
  return {{"small", "a@sender.example", {"b@one.example"}, "Hello.\n"},
          {"large", "a@sender.example", {"b@one.example", "c@two.example"}, large},
          {"empty", "", {"d@three.example"}, ""}};
}

// What as many sessions send at a time: most small, so that they are committed
// together, some so large that they are written as they come.
std::vector<Message> crowd() {
  std::vector<Message> all;
  for (int i = 0; i < 20; ++i) {
    std::string name = "crowd" + std::to_string(i);
    std::string body = name + "\n";
    while (i % 7 == 3 && body.size() < 70'000) body += std::string(80, 'x') + "\n";
    all.push_back({name, "a@sender.example", {name + "@one.example"}, body});
  }
  return all;
}

// The codes of MAIL, RCPT..., DATA and the dot, until one is not positive.
int send(Client& client, const Message& message) {
  int code = client.say("MAIL FROM:<" + message.sender + ">\r\n");
  for (const auto& recipient : message.recipients)
    if (code == 250) code = client.say("RCPT TO:<" + recipient + ">\r\n");
  if (code == 250) code = client.say("DATA\r\n");
  if (code != 354) return code;
  std::string wire;
  smtp::DotWriter writer;
  writer.write(message.headers() + "\n" + message.body, wire);
  writer.finish(wire);
  return client.say(wire + ".\r\n");
}

// --- the spool ---------------------------------------------------------------------

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory, none))
    names.insert(entry.path().filename());
  return names;
}

// Which message this -H and -D hold, all of it; empty and a failed test if none.
std::string identify(const fs::path& input, const std::string& h_name) {
  auto text = base::read_file(input / h_name);
  auto file = text ? spoolfmt::parse_h_file(*text, h_name)
                   : base::Result<spoolfmt::HFile>(std::unexpected(text.error()));
  if (!file) {
    ADD_FAILURE() << h_name << ": " << file.error().text;
    return {};
  }
  std::string headers;
  for (std::size_t i = 1; i < file->headers.size(); ++i)
    headers += file->headers[i].text;
  auto body = base::read_file(input / (file->id.str() + "-D"));
  if (!body) {
    ADD_FAILURE() << h_name << " without a body";
    return {};
  }
  std::vector<Message> known = messages();
  if (headers.contains("crowd")) known = crowd();
  for (const Message& message : known) {
    if (headers != message.headers()) continue;
    EXPECT_EQ(file->sender, message.sender);
    EXPECT_TRUE(std::ranges::equal(file->recipients, message.recipients, {},
                                   &spoolfmt::Recipient::address));
    EXPECT_TRUE(*body == spoolfmt::d_first_line(file->id) + message.body)
        << h_name << ": another body, " << body->size() << " bytes";
    return message.name;
  }
  ADD_FAILURE() << h_name << ": nobody sent this:\n" << headers;
  return {};
}

struct Found {
  std::map<std::string, int> messages;  // name, how often
  std::set<std::string> leftovers;      // files of no message
};

// Everything in the spool is a whole message or a leftover of a known kind.
Found look(const fs::path& spool) {
  Found found;
  auto names = names_in(spool / "input");
  for (const auto& name : names) {
    if (name.ends_with("-H")) {
      ++found.messages[identify(spool / "input", name)];
      continue;
    }
    bool body = name.ends_with("-D");
    if (body && names.contains(name.substr(0, name.size() - 1) + "H")) continue;
    EXPECT_TRUE(body || name.starts_with("hdr.")) << "foreign: " << name;
    found.leftovers.insert(name);
  }
  for (const auto& name : names_in(spool / "msglog"))
    if (!names.contains(name + "-H")) found.leftovers.insert("msglog/" + name);
  return found;
}

// Our own judge agrees: it has nothing to say about messages, only about leftovers.
void check_says_the_same(const fs::path& spool) {
  auto check =
      support::run({support::program("bobbin-check"), {"-s", spool, "--json"}});
  for (std::string_view verdict :
       {"envelope", "headers", "data", "misplaced", "not-canonical"})
    EXPECT_EQ(check.out.find("\"" + std::string(verdict) + "\""), std::string::npos)
        << check.out;
}

// --- one reception -------------------------------------------------------------

class Reception : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { fresh(); }

  void fresh() {
    fs::remove_all(root());
    fs::create_directory(root());
    accepted.clear();
    refused.clear();
  }

  fs::path root() const { return temp_ / "root"; }
  fs::path spool() const { return root() / "spool"; }
  fs::path report() const { return temp_ / "report"; }

  support::Command receive() const {
    return {support::program("bobbin-receive"),
            {"--listen", "127.0.0.1:0", "-s", spool()}};
  }

  static unsigned port_of(support::Process& process) {
    std::string_view mark = "listening on 127.0.0.1:";
    if (!process.saw(mark) || !process.saw("\n")) return 0;
    std::size_t at = process.out().find(mark) + mark.size();
    return static_cast<unsigned>(std::stoul(process.out().substr(at)));
  }

  // The messages over two connections, until the server is gone.
  void send_all(unsigned port) {
    auto all = messages();
    for (std::size_t i = 0; i < all.size();) {
      Client client(port);
      if (client.hear() != 220 || client.say("EHLO client.example\r\n") != 250) return;
      for (std::size_t end = i + 2; i < all.size() && i < end; ++i) {
        int code = send(client, all[i]);
        if (code == 0) return;
        (code == 250 ? accepted : refused)[all[i].name] = code;
        if (code != 250) client.say("RSET\r\n");
      }
      client.say("QUIT\r\n");
    }
  }

  // Each over a connection of its own, all at a time.
  void send_crowd(unsigned port) {
    std::mutex mutex;
    std::vector<std::jthread> sessions;
    for (const Message& message : crowd())
      sessions.emplace_back([this, port, message, &mutex] {
        Client client(port);
        if (client.hear() != 220 || client.say("EHLO client.example\r\n") != 250)
          return;
        int code = send(client, message);
        if (code != 0) client.say("QUIT\r\n");
        std::lock_guard guard(mutex);
        if (code != 0) (code == 250 ? accepted : refused)[message.name] = code;
      });
  }

  // Whatever was accepted is there once, and nothing is there twice.
  void expect_each_once(Found& found) const {
    for (const auto& [name, code] : accepted)
      EXPECT_EQ(found.messages[name], 1) << name << " was accepted";
    for (const auto& [name, times] : found.messages) EXPECT_EQ(times, 1) << name;
  }

  // On what the last one left, a fresh server takes mail.
  void expect_working_server() {
    support::Process process(receive());
    unsigned port = port_of(process);
    ASSERT_NE(port, 0U) << process.err();
    Client client(port);
    EXPECT_EQ(client.hear(), 220);
    EXPECT_EQ(client.say("EHLO client.example\r\n"), 250);
    EXPECT_EQ(send(client, messages().front()), 250);
    client.say("QUIT\r\n");
    process.signal(SIGTERM);
    EXPECT_EQ(process.wait().status, 0);
  }

  std::map<std::string, int> accepted, refused;  // name, the code it was told

 private:
  support::TempDir temp_;
};

class ReceiveKilled : public Reception {};

TEST_P(ReceiveKilled, LosesNothingAndHalvesNothing) {
  auto [at, step] = points_of(GetParam());
  long points = 0;
  for (;; at += step) {
    fresh();
    support::Process process(under_shim(receive(), root(), {GetParam(), at}, report()));
    if (unsigned port = port_of(process)) send_all(port);
    process.signal(SIGTERM);
    auto outcome = process.wait();
    auto call = struck(report());
    SCOPED_TRACE(GetParam() + " " + call.value_or("never struck"));
    ASSERT_EQ(outcome.status, call ? 128 + SIGKILL : 0) << outcome.err;

    Found found = look(spool());
    expect_each_once(found);
    if (!call) {
      EXPECT_EQ(accepted.size(), messages().size());
      EXPECT_TRUE(found.leftovers.empty());
      break;
    }
    ++points;
    if (fs::exists(spool() / "input")) check_says_the_same(spool());
    expect_working_server();
    if (HasFailure()) break;
  }
  std::cout << "receive, " << GetParam() << ": " << points << " points of death\n";
}

INSTANTIATE_TEST_SUITE_P(Crash, ReceiveKilled, testing::ValuesIn(ways_to_die()),
                         [](const auto& test) { return test.param; });

class ReceiveTripped : public Reception {};

TEST_P(ReceiveTripped, Says4xxAndLeavesNothing) {
  auto [at, step] = points_of(GetParam());
  long points = 0;
  long refusals = 0;
  for (;; at += step) {
    fresh();
    support::Process process(under_shim(receive(), root(), {GetParam(), at}, report()));
    unsigned port = port_of(process);
    if (port != 0) send_all(port);
    auto call = struck(report());
    SCOPED_TRACE(GetParam() + " " + call.value_or("never struck"));
    if (call) ++points;
    if (port == 0) {
      auto outcome = process.wait();
      EXPECT_GT(outcome.status, 0);
      EXPECT_LT(outcome.status, 128) << outcome.err;
      EXPECT_NE(outcome.err, "");
      continue;
    }
    // It is alive, and the trouble was for one message only.
    EXPECT_EQ(accepted.size() + refused.size(), messages().size());
    EXPECT_LE(refused.size(), 1U);
    for (const auto& [name, code] : refused) EXPECT_EQ(code / 100, 4) << name;
    refusals += static_cast<long>(refused.size());
    process.signal(SIGTERM);
    auto outcome = process.wait();
    Found found = look(spool());
    EXPECT_EQ(found.messages.size(), accepted.size());
    for (const auto& [name, code] : accepted)
      EXPECT_EQ(found.messages[name], 1) << name;
    for (const auto& name : found.leftovers) ADD_FAILURE() << "left over: " << name;
    if (!call) {
      EXPECT_EQ(outcome.status, 0) << outcome.err;
      break;
    }
    if (HasFailure()) break;
  }
  std::cout << "receive, " << GetParam() << ": " << points << " failed calls, "
            << refusals << " messages put off\n";
}

INSTANTIATE_TEST_SUITE_P(Crash, ReceiveTripped,
                         testing::Values("ENOSPC", "EIO", "EMFILE"),
                         [](const auto& test) { return test.param; });

// Twenty sessions at a time, whose messages are committed together.  The points come in
// another order each time; ctest tries some of them.
class ReceiveCrowd : public Reception {
 protected:
  static long step() {
    if (std::getenv("BOBBIN_CRASH_FULL") == nullptr) return 23;
    return GetParam().starts_with("scattered") ? 11 : 1;
  }
};

class ReceiveCrowdKilled : public ReceiveCrowd {};

TEST_P(ReceiveCrowdKilled, LosesNothingAndHalvesNothing) {
  long points = 0;
  for (long at = 1;; at += step()) {
    fresh();
    support::Process process(under_shim(receive(), root(), {GetParam(), at}, report()));
    if (unsigned port = port_of(process)) send_crowd(port);
    process.signal(SIGTERM);
    auto outcome = process.wait();
    auto call = struck(report());
    SCOPED_TRACE(GetParam() + " " + call.value_or("never struck"));
    ASSERT_EQ(outcome.status, call ? 128 + SIGKILL : 0) << outcome.err;
    Found found = look(spool());
    expect_each_once(found);
    if (!call) {
      EXPECT_EQ(accepted.size(), crowd().size());
      EXPECT_TRUE(found.leftovers.empty());
      break;
    }
    ++points;
    if (HasFailure()) break;
  }
  std::cout << "receive, 20 sessions, " << GetParam() << ": " << points
            << " points of death\n";
}

INSTANTIATE_TEST_SUITE_P(Crash, ReceiveCrowdKilled, testing::ValuesIn(ways_to_die()),
                         [](const auto& test) { return test.param; });

class ReceiveCrowdTripped : public ReceiveCrowd {};

TEST_P(ReceiveCrowdTripped, Says4xxAndLeavesNothing) {
  long points = 0;
  std::size_t refusals = 0;
  for (long at = 1;; at += step()) {
    fresh();
    support::Process process(under_shim(receive(), root(), {GetParam(), at}, report()));
    unsigned port = port_of(process);
    if (port != 0) send_crowd(port);
    process.signal(SIGTERM);
    auto outcome = process.wait();
    auto call = struck(report());
    SCOPED_TRACE(GetParam() + " " + call.value_or("never struck"));
    if (call) ++points;
    if (port == 0) continue;  // the ones before it listens are ReceiveTripped's
    // The others do not suffer, but those that shared a directory's sync.
    EXPECT_EQ(accepted.size() + refused.size(), crowd().size());
    for (const auto& [name, code] : refused) EXPECT_EQ(code / 100, 4) << name;
    refusals += refused.size();
    Found found = look(spool());
    expect_each_once(found);
    EXPECT_EQ(found.messages.size(), accepted.size());
    for (const auto& name : found.leftovers) ADD_FAILURE() << "left over: " << name;
    if (!call) break;
    if (HasFailure()) break;
  }
  std::cout << "receive, 20 sessions, " << GetParam() << ": " << points
            << " failed calls, " << refusals << " messages put off\n";
}

INSTANTIATE_TEST_SUITE_P(Crash, ReceiveCrowdTripped,
                         testing::Values("ENOSPC", "EIO", "EMFILE"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace crash
