// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <semaphore>
#include <set>
#include <thread>

#include "tests/net/net_fixture.h"
#include "tests/support/name_server.h"
#include "tests/support/peers.h"

namespace net {
namespace {

using base::Code;
using base::Result;
using Status = DnsRecords::Status;
using Records = std::vector<std::vector<std::string>>;

std::string numbered_names(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += "n" + std::to_string(i) + " A 192.0.2." + std::to_string(i % 250) + "\n";
  return text;
}

std::vector<support::Zone> zones() {
  return {
      {.origin = "signed.example",
       .records = "@ MX 10 MX\n"
                  "@ TXT \"v=spf1 \" \"-all\"\n"
                  "mx A 192.0.2.1\n"
                  "mx A 192.0.2.2\n"
                  "mx AAAA 2001:db8::1\n"
                  "alias CNAME mx\n"
                  "_25._tcp.mx TLSA 3 1 1 "
                  "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00\n"
                  "_smtp._tcp SRV 1 2 25 mx\n"
                  "odd TYPE65280 \\# 2 c0de\n",
       .sign = true},
      {.origin = "plain.example",
       .records = "www A 192.0.2.3\n"
                  "nowhere CNAME nothing\n" +
                  numbered_names(400)},
      {.origin = "bogus.example", .records = "www A 192.0.2.4\n"},
      {.origin = "2.0.192.in-addr.arpa", .records = "1 PTR mx.signed.example.\n"},
  };
}

class ResolverThreads : public NetTest {
 protected:
  static void SetUpTestSuite() {
    if (!support::find_program("knotd")) return;
    server = std::make_unique<support::NameServer>(zones());
    // The zone is not signed, and we insist that it is.
    std::ofstream(server->trust_anchors(), std::ios::app)
        << "bogus.example. DS 1 13 2 " << std::string(64, '0') << "\n";
  }
  static void TearDownTestSuite() { server.reset(); }

  void SetUp() override { REQUIRE_PROGRAM("knotd"); }

  static Resolver::Options options() {
    Resolver::Options result;
    result.forwarders = {server->address()};
    result.trust_anchors = {server->trust_anchors()};
    result.hosts_file.clear();
    result.deadline = 20s;  // far more than any answer takes
    return result;
  }

  static std::unique_ptr<Resolver> make(Resolver::Options with) {
    auto resolver = Resolver::create(std::move(with));
    if (!resolver) throw std::runtime_error(resolver.error().text);
    return std::move(*resolver);
  }

  static inline std::unique_ptr<support::NameServer> server;
};

TEST_F(ResolverThreads, AnswersWithFieldsOfRecords) {
  auto resolver = make(options());
  struct Row {
    std::string type, name;
    Records records;
    std::string at;
  } rows[] = {
      {"mx", "signed.example", {{"10", "mx.signed.example"}}, "signed.example"},
      {"txt", "Signed.Example.", {{"v=spf1 ", "-all"}}, "signed.example"},
      {"a", "mx.signed.example", {{"192.0.2.1"}, {"192.0.2.2"}}, "mx.signed.example"},
      {"aaaa", "mx.signed.example", {{"2001:db8::1"}}, "mx.signed.example"},
      {"aaaa", "alias.signed.example", {{"2001:db8::1"}}, "mx.signed.example"},
      {"cname",
       "alias.signed.example",
       {{"mx.signed.example"}},
       "alias.signed.example"},
      {"srv",
       "_smtp._tcp.signed.example",
       {{"1", "2", "25", "mx.signed.example"}},
       "_smtp._tcp.signed.example"},
      {"65280", "odd.signed.example", {{"\\#", "2", "c0de"}}, "odd.signed.example"},
      {"ptr",
       reverse_name("192.0.2.1"),
       {{"mx.signed.example"}},
       "1.2.0.192.in-addr.arpa"},
  };
  for (const Row& row : rows) {
    auto answer = resolver->ask(row.type, row.name);
    ASSERT_TRUE(answer) << row.name << ": " << answer.error().text;
    EXPECT_EQ(answer->status, Status::found) << row.name;
    std::ranges::sort(answer->records);
    EXPECT_EQ(answer->records, row.records) << row.name;
    EXPECT_EQ(answer->name, row.at) << row.name;
    EXPECT_EQ(answer->secure, !row.name.ends_with("arpa")) << row.name;
    EXPECT_LE(answer->ttl, 60s);
  }
}

TEST_F(ResolverThreads, TellsNoDataFromNoName) {
  auto resolver = make(options());
  struct Row {
    std::string type, name;
    Status status;
    bool secure;
  } rows[] = {
      {"mx", "mx.signed.example", Status::no_data, true},
      {"a", "nothing.signed.example", Status::no_name, true},
      {"mx", "www.plain.example", Status::no_data, false},
      {"a", "nothing.plain.example", Status::no_name, false},
      {"a", "nowhere.plain.example", Status::no_name, false},
  };
  for (const Row& row : rows) {
    auto answer = resolver->ask(row.type, row.name);
    ASSERT_TRUE(answer) << row.name << ": " << answer.error().text;
    EXPECT_EQ(answer->status, row.status) << row.name;
    EXPECT_EQ(answer->secure, row.secure) << row.name;
    EXPECT_TRUE(answer->records.empty()) << row.name;
  }
}

TEST_F(ResolverThreads, SaysThatNoServerCouldSay) {
  auto resolver = make(options());
  auto refused = resolver->ask("a", "not.served.example");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::temporary);
  EXPECT_EQ(refused.error().text,
            "DNS: type 1 of not.served.example: no server could say (code 2)");
}

TEST_F(ResolverThreads, TakesNothingThatIsBogus) {
  auto resolver = make(options());
  auto bogus = resolver->ask("a", "www.bogus.example");
  ASSERT_FALSE(bogus);
  EXPECT_EQ(bogus.error().code, Code::temporary);
  EXPECT_NE(bogus.error().text.find("bogus"), std::string::npos) << bogus.error().text;
  // Unless it is not to validate.
  auto trusting = options();
  trusting.validate = false;
  auto answer = make(trusting)->ask("a", "www.bogus.example");
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_FALSE(answer->secure);
}

TEST_F(ResolverThreads, RefusesWhatCannotBeAsked) {
  auto resolver = make(options());
  EXPECT_EQ(resolver->ask("mxx", "a.example").error().code, Code::usage);
  EXPECT_EQ(resolver->ask("mx", "a b.example").error().code, Code::usage);
  EXPECT_EQ(resolver->ask("mx", "").error().code, Code::usage);
}

TEST_F(ResolverThreads, ReadsTheHostsFileFirst) {
  support::TempDir home;
  auto with = options();
  with.hosts_file = home / "hosts";
  std::ofstream(with.hosts_file) << "192.0.2.77 MX.signed.example short\n";
  auto resolver = make(with);
  EXPECT_EQ(resolver->ask("a", "mx.signed.example")->records, Records{{"192.0.2.77"}});
  EXPECT_EQ(resolver->ask("aaaa", "mx.signed.example")->status, Status::no_data);
  EXPECT_EQ(resolver->ask("ptr", reverse_name("192.0.2.77"))->records,
            (Records{{"mx.signed.example"}, {"short"}}));
  EXPECT_EQ(resolver->ask("mx", "signed.example")->status, Status::found);
  EXPECT_TRUE(resolver->ask("tlsa", "_25._tcp.mx.signed.example")->secure);
}

TEST_F(ResolverThreads, NamesWhatIsWrongInItsOptions) {
  support::TempDir home;
  std::ofstream(home / "empty") << "";
  std::ofstream(home / "damaged") << "example. DS what is this\n";
  auto error = [&](auto change) {
    auto with = options();
    change(with);
    auto resolver = Resolver::create(with);
    return resolver ? "none" : resolver.error().text;
  };
  EXPECT_EQ(error([](auto& with) { with.forwarders = {"ns.example"}; }),
            "'ns.example' is no name server: write an address, or address@port");
  EXPECT_EQ(
      error([&](auto& with) { with.trust_anchors = {home / "none"}; }),
      "trust anchors: " + (home / "none").string() + ": No such file or directory");
  EXPECT_NE(error([&](auto& with) {
              with.trust_anchors = {home / "damaged"};
            }).find("damaged: "),
            std::string::npos);
}

// A server that only answers what it is told to, and counts its answers in the last
// octet of the address it tells.
class SlowServer {
 public:
  SlowServer() {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    address = "127.0.0.1@" + std::to_string(ntohs(at.sin_port));
  }
  ~SlowServer() {
    answers.release();
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }

  std::string address;
  std::binary_semaphore answers{0};  // released: from now on it answers

 private:
  void serve() {
    std::array<char, 1500> packet{};
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    auto* from = reinterpret_cast<sockaddr*>(&peer);
    for (char count = 1;; ++count) {
      ssize_t got =
          ::recvfrom(socket_.get(), packet.data(), packet.size(), 0, from, &size);
      if (got <= 12) return;
      if (count == 1) answers.acquire();
      std::string question(packet.data() + 12, static_cast<std::size_t>(got) - 12);
      question.resize(question.find('\0') + 5);
      using namespace std::string_literals;
      std::string answer = std::string(packet.data(), 2) + "\x85\x80\0\1\0\1\0\0\0\0"s +
                           question + "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\xc0\0\2"s + count;
      ::sendto(socket_.get(), answer.data(), answer.size(), 0, from, size);
    }
  }

  base::Fd socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::thread thread_{[this] { serve(); }};
};

asio::awaitable<void> take_first_field(Resolver& resolver, std::string name,
                                       std::multiset<std::string>& fields) {
  auto answer = co_await resolver.resolve("a", name);
  fields.insert(answer ? answer->records.at(0).at(0) : answer.error().text);
}

TEST_F(ResolverThreads, SharesALookupThatIsUnderWay) {
  SlowServer slow;
  auto with = options();
  with.forwarders = {slow.address};
  auto resolver = make(with);
  std::multiset<std::string> fields;
  for (int i = 0; i < 50; ++i)
    tasks.spawn(take_first_field(*resolver, "www.slow.example", fields));
  // Runs when all have asked.
  loop.post([&slow] { slow.answers.release(); });
  run();
  ASSERT_EQ(fields.size(), 50u);
  EXPECT_EQ(fields.count(*fields.begin()), 50u) << *fields.begin();
  // A time to live of nothing: the next one gets an answer of his own.
  EXPECT_NE(resolver->ask("a", "www.slow.example")->records.at(0).at(0),
            *fields.begin());
}

TEST_F(ResolverThreads, WaitsNoLongerThanItsDeadline) {
  SlowServer silent;
  auto with = options();
  with.forwarders = {silent.address};
  with.deadline = 50ms;
  auto resolver = make(with);
  auto asked = std::chrono::steady_clock::now();
  auto late = resolver->ask("a", "www.slow.example");
  EXPECT_GE(std::chrono::steady_clock::now() - asked, 50ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::temporary);
  EXPECT_EQ(late.error().text, "DNS: type 1 of www.slow.example: no answer in time");
  std::multiset<std::string> fields;
  tasks.spawn(take_first_field(*resolver, "www.slow.example", fields));
  run();
  EXPECT_EQ(fields.count(late.error().text), 1u);
}

TEST_F(ResolverThreads, LetsACancelledTaskGoAtOnce) {
  SlowServer silent;
  auto with = options();
  with.forwarders = {silent.address};
  auto resolver = make(with);
  std::multiset<std::string> fields;
  tasks.spawn(take_first_field(*resolver, "www.slow.example", fields));
  loop.post([this] { tasks.cancel(); });
  run();
  EXPECT_TRUE(fields.empty());
}

asio::awaitable<void> check_number(Resolver& resolver, int number, int& right) {
  std::string name = "n" + std::to_string(number) + ".plain.example";
  auto answer = co_await resolver.resolve("a", name);
  std::string wanted = "192.0.2." + std::to_string(number % 250);
  if (answer && answer->records == Records{{wanted}}) ++right;
}

TEST_F(ResolverThreads, ServesLoopsAndThreadsAtOnce) {
  auto resolver = make(options());
  std::vector<std::thread> threads;
  std::array<int, 4> right_in_threads{};
  for (int& right : right_in_threads)
    threads.emplace_back([&resolver, &right] {
      for (int i = 0; i < 200; ++i) {
        auto answer = resolver->ask("a", "n" + std::to_string(i) + ".plain.example");
        if (answer && answer->name == "n" + std::to_string(i) + ".plain.example")
          ++right;
      }
    });
  int right = 0;
  for (int i = 0; i < 400; ++i) tasks.spawn(check_number(*resolver, i, right));
  run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 400);
  EXPECT_EQ(right_in_threads, (std::array{200, 200, 200, 200}));
}

}  // namespace
}  // namespace net
