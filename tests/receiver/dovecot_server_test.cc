// SPDX-License-Identifier: Apache-2.0
//
// AUTH as Dovecot itself, 2.3, judges it.
#include "tests/support/dovecot_server.h"
#include "policy/scripted_context.h"
#include "policy/text_codes.h"
#include "receiver/authenticator.h"
#include "tests/net/net_fixture.h"
#include "tests/policy/expanding.h"

namespace receiver {
namespace {

using Lines = std::vector<std::string>;
using net::kPatience;
using namespace std::chrono_literals;

// One client of ours, and what it was told.
struct Visitor {
  Visitor(std::shared_ptr<Authenticators> all, const Client& client)
      : auth(std::move(all), context, client) {}

  asio::awaitable<void> come(std::string mechanism, std::optional<std::string> initial,
                             Lines lines = {}) {
    auto offer = co_await auth.mechanisms(troubles);
    offered = std::move(offer);
    step = co_await auth.begin(mechanism, initial, true);
    said.push_back(smtp::format_reply(step.reply));
    for (const std::string& line : lines) {
      if (step.kind != AuthStep::Kind::challenge) break;
      AuthStep next = co_await auth.answer(line);
      step = std::move(next);
      said.push_back(smtp::format_reply(step.reply));
    }
    ++done;
  }

  policy::ScriptedContext context;
  Authentication auth;
  Lines offered, troubles, said;
  AuthStep step;
  int done = 0;
};

std::string plain_data(const std::string& user, const std::string& password) {
  using namespace std::string_literals;
  return policy::to_base64("\0"s + user + "\0"s + password);
}

struct DovecotServerTest : net::NetTest {
  DovecotServerTest() {
    client.peer = client.socket_peer = {"192.0.2.1", 4711};
    client.local = {"192.0.2.2", 25};
    client.tls.emplace();
  }
  static std::string driver(const std::string& name, const std::string& mechanism,
                            const std::string& socket) {
    return name + ":\n driver = dovecot\n public_name = " + mechanism +
           "\n server_socket = " + socket + "\n server_set_id = $auth1\n";
  }
  std::shared_ptr<Authenticators> authenticators(const std::string& socket) {
    auto made = Authenticators::create(
        loop,
        expanding::loaded("begin authenticators\n" + driver("plain", "PLAIN", socket) +
                          driver("login", "LOGIN", socket) +
                          driver("cram", "CRAM-MD5", socket)));
    EXPECT_TRUE(made) << made.error().text;
    return *made;
  }
  // One visit with authenticators of its own.
  std::unique_ptr<Visitor> visit(const std::string& socket, std::string mechanism,
                                 std::optional<std::string> initial, Lines lines = {}) {
    auto visitor = std::make_unique<Visitor>(authenticators(socket), client);
    tasks.spawn(visitor->come(mechanism, initial, lines));
    run();
    return visitor;
  }
  Client client;
};

TEST_F(DovecotServerTest, AU1_AU2_PlainIsTakenOverBothKindsOfSockets) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  for (const std::string& socket : {server.socket(), server.inet()}) {
    auto visitor = visit(socket, "PLAIN", plain_data("kim", "secret"));
    ASSERT_TRUE(visitor->step.login) << visitor->said.back() << visitor->step.log;
    EXPECT_EQ(visitor->said.back().substr(0, 9), "235 2.7.0");
    EXPECT_EQ(visitor->step.login->id, "kim");
    EXPECT_EQ(visitor->step.login->authenticator, "plain");
    EXPECT_EQ(visitor->troubles, Lines());
  }
}

TEST_F(DovecotServerTest, AU3_PlainWithoutItsResponseIsAskedForNothing) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  auto visitor =
      visit(server.socket(), "PLAIN", std::nullopt, {plain_data("kim", "secret")});
  EXPECT_EQ(visitor->said[0], "334 \r\n");
  EXPECT_EQ(visitor->said[1].substr(0, 3), "235");
}

TEST_F(DovecotServerTest, LoginAsksTwice) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  auto visitor = visit(server.socket(), "LOGIN", std::nullopt,
                       {policy::to_base64("kim"), policy::to_base64("secret")});
  ASSERT_EQ(visitor->said.size(), 3u);
  EXPECT_EQ(visitor->said[2].substr(0, 3), "235");
}

TEST_F(DovecotServerTest, AU4_AStarCancels) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  auto all = authenticators(server.socket());
  Visitor first(all, client), second(all, client);
  tasks.spawn(first.come("CRAM-MD5", std::nullopt, {"*"}));
  run();
  EXPECT_EQ(first.said.back().substr(0, 9), "501 5.7.0");
  EXPECT_FALSE(first.auth.under_way());
  tasks.spawn(second.come("PLAIN", plain_data("kim", "secret")));
  run();
  EXPECT_EQ(second.said.back().substr(0, 3), "235");
}

asio::awaitable<void> come_beside(Visitor& slow, Visitor& quick, bool& came_first) {
  co_await quick.come("PLAIN", plain_data("kim", "secret"));
  came_first = slow.done == 0;
}

TEST_F(DovecotServerTest, AU5_AWrongPasswordIsRefusedLateAndNobodyElseWaits) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  auto all = authenticators(server.socket());
  bool came_first = false;
  // Dovecot waits two seconds; a machine that sleeps as long gets another try.
  for (int i = 0; i < 3 && !came_first; ++i) {
    Visitor slow(all, client), quick(all, client);
    tasks.spawn(slow.come("PLAIN", plain_data("kim", "wrong")));
    tasks.spawn(come_beside(slow, quick, came_first));
    run();
    EXPECT_EQ(quick.said.back().substr(0, 3), "235");
    EXPECT_EQ(slow.said.back().substr(0, 9), "535 5.7.8");
    EXPECT_EQ(slow.step.claimed, "kim");
    EXPECT_EQ(slow.step.log, "535 Incorrect authentication data (set_id=kim)");
  }
  EXPECT_TRUE(came_first);
}

TEST_F(DovecotServerTest, AU7_TheSocketForMastersIsNamedAsAMistake) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  auto visitor = visit(server.master(), "PLAIN", plain_data("kim", "secret"));
  EXPECT_EQ(visitor->said.back().substr(0, 9), "454 4.7.0");
  EXPECT_NE(visitor->step.log.find(server.master() +
                                   ": offers no mechanism: this is the socket for "
                                   "masters"),
            std::string::npos)
      << visitor->step.log;
}

TEST_F(DovecotServerTest, AU8_WhatDovecotDoesNotOfferWeDoNot) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server("plain");
  auto visitor = visit(server.socket(), "LOGIN", std::nullopt);
  EXPECT_EQ(visitor->offered, Lines{"PLAIN"});
  EXPECT_EQ(visitor->said.back().substr(0, 9), "454 4.7.0");
  EXPECT_EQ(visitor->troubles.size(), 2u);
}

// Dovecot takes no two connections with one CPID; loops and policies each have theirs.
TEST_F(DovecotServerTest, SeveralConnectionsOfOneProcessAreTaken) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  std::vector<std::unique_ptr<Visitor>> visitors;
  for (int i = 0; i < 3; ++i) {
    visitors.push_back(visit(server.socket(), "PLAIN", plain_data("kim", "secret")));
    EXPECT_EQ(visitors.back()->said.back().substr(0, 3), "235");
  }
}

TEST_F(DovecotServerTest, AU11_AServerThatCameAgainIsReached) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  auto all = authenticators(server.socket());
  Visitor before(all, client), after(all, client);
  tasks.spawn(before.come("PLAIN", plain_data("kim", "secret")));
  run();
  server.stop();
  server.start();
  tasks.spawn(after.come("PLAIN", plain_data("kim", "secret")));
  run();
  EXPECT_EQ(before.said.back().substr(0, 3), "235");
  EXPECT_EQ(after.said.back().substr(0, 3), "235") << after.step.log;
}

TEST_F(DovecotServerTest, AU12_NamesArriveAsTheyAre) {
  REQUIRE_PROGRAM("dovecot");
  support::DovecotServer server;
  for (std::string user : {"kim lou", "k\xc3\xbcm@example.org", "a \"quoted\" one",
                           "tab\there", "back\\slash"}) {
    auto visitor = visit(server.socket(), "PLAIN", plain_data(user, "secret"));
    ASSERT_TRUE(visitor->step.login) << user << visitor->step.log;
    EXPECT_EQ(visitor->step.login->id, user);
  }
}

}  // namespace
}  // namespace receiver
