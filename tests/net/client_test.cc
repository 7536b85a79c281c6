// SPDX-License-Identifier: Apache-2.0
#include "net/client.h"

#include "tests/net/net_fixture.h"

namespace net {
namespace {

class ClientTest : public NetTest {
 protected:
  // A client of two messages against a server that follows `script`.
  void converse(Script script, bool second = true) {
    tasks.spawn(serve_script(listener, std::move(script), surprises));
    tasks.spawn(talk(second));
    run();
    EXPECT_EQ(surprises, std::vector<std::string>());
  }

  asio::awaitable<void> talk(bool second) {
    auto opened = co_await Client::open(listener.local(), options);
    if (!opened) {
      failure = opened.error();
      co_return;
    }
    Client client = std::move(*opened);
    Message message{one, content_of("Subject: 1\n\n.dot\n"), gate};
    smtp::Outcome outcome = co_await client.send(message, second ? &two : nullptr);
    outcomes.push_back(outcome);
    if (second) {
      outcome = co_await client.send({two, content_of("Subject: 2\n")}, nullptr);
      outcomes.push_back(outcome);
    }
    usable = client.usable();
    sent = client.sent();
    co_await client.quit();
  }

  Client::Options options{.helo_name = "me.example"};
  smtp::Envelope one{.sender = "s@x", .recipients = {{"a@y"}, {"b@y"}}};
  smtp::Envelope two{.sender = "", .recipients = {{"c@y"}}};
  Event* gate = nullptr;
  std::vector<smtp::Outcome> outcomes;
  std::optional<smtp::Breakdown> failure;
  bool usable = false;
  unsigned sent = 0;
  std::vector<std::string> surprises;
};

int code(const smtp::Outcome& outcome, std::size_t i) {
  const smtp::Reply* verdict = outcome.verdict(i);
  return verdict ? verdict->code : 0;
}

const Script kHello = {"S: 220 mx", "C: EHLO me.example",
                       "S: 250-mx\r\n250-8BITMIME\r\n250 PIPELINING"};

Script operator+(Script script, const Script& more) {
  script.insert(script.end(), more.begin(), more.end());
  return script;
}

TEST_F(ClientTest, AnnouncesTheNextMessageWithTheDot) {
  // The server answers nothing before it has seen the whole of each group.
  converse(kHello + Script{"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>", "C: RCPT TO:<b@y>",
                           "C: DATA", "S: 250 a\r\n250 b\r\n550 c\r\n354 d",
                           "C: Subject: 1", "C: ", "C: ..dot", "C: .",
                           "C: MAIL FROM:<>", "C: RCPT TO:<c@y>", "C: DATA",
                           "S: 250 taken\r\n250 a\r\n250 b\r\n354 c", "C: Subject: 2",
                           "C: .", "S: 250 taken", "C: QUIT", "S: 221 bye"});
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(code(outcomes[0], 0), 250);
  EXPECT_EQ(code(outcomes[0], 1), 550);
  EXPECT_EQ(code(outcomes[1], 0), 250);
  EXPECT_TRUE(usable);
  EXPECT_EQ(sent, 2u);
}

TEST_F(ClientTest, WaitsForEachReplyWithoutPipelining) {
  converse({"S: 220 mx",
            "C: EHLO me.example",
            "S: 500 what",
            "C: HELO me.example",
            "S: 250 mx",
            "C: MAIL FROM:<s@x>",
            "S: 250",
            "C: RCPT TO:<a@y>",
            "S: 250",
            "C: RCPT TO:<b@y>",
            "S: 250",
            "C: DATA",
            "S: 354",
            "C: Subject: 1",
            "C: ",
            "C: ..dot",
            "C: .",
            "S: 451 later",
            "C: MAIL FROM:<>",
            "S: 250",
            "C: RCPT TO:<c@y>",
            "S: 450 no",
            "C: QUIT",
            "S: 221"});
  EXPECT_EQ(code(outcomes[0], 1), 451);
  EXPECT_EQ(code(outcomes[1], 0), 450);
}

TEST_F(ClientTest, ResetsBeforeTheNextMessageWhereNeeded) {
  converse(kHello + Script{"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>", "C: RCPT TO:<b@y>",
                           "C: DATA", "S: 250\r\n550\r\n550\r\n503", "C: RSET",
                           "C: MAIL FROM:<>", "C: RCPT TO:<c@y>", "C: DATA",
                           "S: 250\r\n250\r\n250\r\n354", "C: Subject: 2", "C: .",
                           "S: 250", "C: QUIT"});
  EXPECT_EQ(code(outcomes[0], 0), 550);
  EXPECT_EQ(code(outcomes[1], 0), 250);
}

TEST_F(ClientTest, SendsALoneDotWhenNobodyWasTaken) {
  converse(kHello + Script{"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>", "C: RCPT TO:<b@y>",
                           "C: DATA", "S: 250\r\n550\r\n550\r\n354", "C: .", "S: 554",
                           "C: QUIT"},
           false);
  EXPECT_EQ(code(outcomes[0], 0), 550);
}

TEST_F(ClientTest, TellsHowFarAMessageCameWhenThePeerVanishes) {
  struct Row {
    Script script;
    bool dot_sent;
    int first, second;
  };
  const Script group = {"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>", "C: RCPT TO:<b@y>",
                        "C: DATA"};
  for (const Row& row : {
           Row{{"C: MAIL FROM:<s@x>", "close"}, false, 0, 0},
           Row{group + Script{"S: 250\r\n550 no\r\n250", "close"}, false, 550, 0},
           Row{group + Script{"S: 250\r\n250\r\n250\r\n354", "C: Subject: 1",
                              "C: ", "C: ..dot", "C: .", "close"},
               true, 0, 0},
           Row{group + Script{"S: 250\r\n421 bye"}, false, 421, 0},
           Row{group + Script{"S: nonsense"}, false, 0, 0},
       }) {
    outcomes.clear();
    converse(kHello + row.script, false);
    ASSERT_EQ(outcomes.size(), 1u);
    EXPECT_TRUE(outcomes[0].lost);
    EXPECT_EQ(outcomes[0].dot_sent, row.dot_sent);
    EXPECT_EQ(code(outcomes[0], 0), row.first);
    EXPECT_EQ(code(outcomes[0], 1), row.second);
    EXPECT_FALSE(usable);
  }
}

TEST_F(ClientTest, GivesUpAnAnnouncedMessageWithTheConnection) {
  converse(kHello + Script{"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>", "C: RCPT TO:<b@y>",
                           "C: DATA", "S: 250\r\n250\r\n250\r\n354", "C: Subject: 1",
                           "C: ", "C: ..dot", "C: .", "S: 250 taken", "close"});
  EXPECT_EQ(code(outcomes[0], 0), 250);
  EXPECT_FALSE(outcomes[0].lost);
  EXPECT_TRUE(outcomes[1].lost);
  EXPECT_FALSE(outcomes[1].dot_sent);
  EXPECT_EQ(code(outcomes[1], 0), 0);
}

TEST_F(ClientTest, TellsARefusalToTalkFromADeadPeer) {
  converse({"S: 554-no\r\n554 service"});
  EXPECT_EQ(failure->code(), base::Code::permanent);
  EXPECT_TRUE(failure->text().contains("554-no\\n554 service"));
  converse({"S: 421 busy"});
  EXPECT_EQ(failure->code(), base::Code::temporary);
  converse({"close"});
  EXPECT_TRUE(failure->text().contains("closed connection"));
}

TEST_F(ClientTest, BoundsItsPatience) {
  options.timeouts.greeting = 10ms;
  std::optional<Stream> silent;
  auto keep = [](Listener& at, std::optional<Stream>& kept) -> asio::awaitable<void> {
    Stream stream = co_await at.accept();
    kept.emplace(std::move(stream));
  };
  tasks.spawn(keep(listener, silent));
  tasks.spawn(talk(false));
  run();
  EXPECT_EQ(failure->code(), base::Code::temporary);
}

// The gate: content flows, the dot does not.
TEST_F(ClientTest, HoldsTheDotUntilTheGateOpens) {
  Event settled(loop);
  gate = &settled;
  bool open_at_dot = false;
  auto serve = [](Listener& at, Event& opens, bool& answer,
                  std::vector<std::string>& odd) -> asio::awaitable<void> {
    Stream stream = co_await at.accept();
    LineReader lines(stream, 1000);
    std::string hello =
        "220 mx\r\n250-mx\r\n250 PIPELINING\r\n250\r\n250\r\n250\r\n354\r\n";
    co_await stream.write(hello, kPatience);
    for (std::string_view wanted :
         {"EHLO me.example", "MAIL FROM:<s@x>", "RCPT TO:<a@y>", "RCPT TO:<b@y>",
          "DATA", "Subject: 1", "", "..dot"}) {
      LineReader::Line line = co_await lines.next(kPatience);
      if (line.text != wanted) odd.push_back(std::string(line.text));
    }
    // All content is here; give a dot that does not wait every chance to arrive.
    for (int i = 0; i < 20; ++i) {
      co_await sleep_for(0s);
      if (lines.has_input()) odd.push_back("something came before the gate opened");
    }
    opens.open();
    LineReader::Line dot = co_await lines.next(kPatience);
    answer = dot.text == ".";
    co_await stream.write("250\r\n", kPatience);
  };
  tasks.spawn(serve(listener, settled, open_at_dot, surprises));
  tasks.spawn(talk(false));
  run();
  EXPECT_EQ(surprises, std::vector<std::string>());
  EXPECT_TRUE(open_at_dot);
  EXPECT_EQ(code(outcomes[0], 0), 250);
}

TEST_F(ClientTest, RefusesAnAddressThatWouldBreakOut) {
  one.recipients[1].address = "b@y>\r\nDATA\r\n<";
  converse(kHello + Script{"C: QUIT"}, false);
  EXPECT_EQ(outcomes[0].lost->code(), base::Code::permanent);
  EXPECT_TRUE(usable);
}

}  // namespace
}  // namespace net
