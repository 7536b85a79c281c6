// SPDX-License-Identifier: Apache-2.0
#include "net/client.h"

#include "tests/net/net_fixture.h"
#include "tests/support/temp_dir.h"

namespace net {
namespace {

class ClientTest : public NetTest {
 protected:
  // A client of two messages against a server that follows `script`; what is postponed
  // of the first goes between them.
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
    authenticated = client.authenticated();
    Message message{one, content_of(first), gate};
    smtp::Outcome outcome = co_await client.send(message, second ? &two : nullptr);
    outcomes.push_back(outcome);
    if (outcome.full) {
      EXPECT_FALSE(client.announced());
      smtp::Envelope rest = one;
      rest.recipients.clear();
      for (std::size_t i = 0; i < one.recipients.size(); ++i)
        if (outcome.postponed(i)) rest.recipients.push_back(one.recipients[i]);
      Message again{rest, content_of("Subject: 1\n")};
      outcome = co_await client.send(std::move(again), second ? &two : nullptr);
      outcomes.push_back(outcome);
    }
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
  std::string first = "Subject: 1\n\n.dot\n";  // message
  std::vector<smtp::Outcome> outcomes;
  std::optional<smtp::Breakdown> failure;
  bool usable = false;
  unsigned sent = 0;
  std::string authenticated;
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

// A server that opens the gate once it has so many lines and nothing else comes, and
// finds `then` behind it.
asio::awaitable<void> open_gate_after(Listener& at, Event& gate, int lines_before,
                                      std::string then, std::vector<std::string>& odd) {
  Stream stream = co_await at.accept();
  LineReader lines(stream, 1000);
  std::string hello =
      "220 mx\r\n250-mx\r\n250 PIPELINING\r\n250\r\n250\r\n250\r\n354\r\n";
  co_await stream.write(hello, kPatience);
  for (int i = 0; i < lines_before; ++i) co_await lines.next(kPatience);
  // Give what does not wait every chance to arrive.
  for (int i = 0; i < 20; ++i) {
    co_await sleep_for(0s);
    if (lines.has_input()) odd.push_back("something came before the gate opened");
  }
  gate.open();
  LineReader::Line line = co_await lines.next(kPatience);
  if (line.text != then) odd.push_back(std::string(line.text));
  while (line.text != ".") line = co_await lines.next(kPatience);
  co_await stream.write("250\r\n", kPatience);
}

// Of a large message all but the dot flows.  A small one waits as a whole: that costs
// no round trip, and is one write.
TEST_F(ClientTest, HoldsTheEndOrASmallMessageUntilTheGateOpens) {
  for (bool large : {true, false}) {
    SCOPED_TRACE(large);
    Event settled(loop);
    gate = &settled;
    first = "Subject: 1\n\n.dot\n";
    for (int i = 0; large && i < 20; ++i) first += std::string(900, 'x') + "\n";
    constexpr int kCommands = 5;  // EHLO to DATA
    int before = large ? kCommands + 3 + 20 : kCommands;
    tasks.spawn(open_gate_after(listener, settled, before, large ? "." : "Subject: 1",
                                surprises));
    tasks.spawn(talk(false));
    run();
    EXPECT_EQ(surprises, std::vector<std::string>());
    EXPECT_EQ(code(outcomes[0], 0), 250);
    outcomes.clear();
  }
}

TEST_F(ClientTest, RefusesAnAddressThatWouldBreakOut) {
  one.recipients[1].address = "b@y>\r\nDATA\r\n<";
  converse(kHello + Script{"C: QUIT"}, false);
  EXPECT_EQ(outcomes[0].lost->code(), base::Code::permanent);
  EXPECT_TRUE(usable);
}

const Script kGroup = {"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>", "C: RCPT TO:<b@y>",
                       "C: DATA"};

TEST_F(ClientTest, NamesTheStageAtWhichThePeerVanished) {
  struct Row {
    Script script;
    std::string text;
    std::uint64_t written = 0;
  };
  const std::string closed = "Remote host closed connection in response to ";
  const Row rows[] = {
      {{"close"}, closed + "initial connection"},
      {{"S: 220 mx", "C: EHLO me.example", "close"}, closed + "EHLO me.example"},
      // The first refusal says more than the silence behind it.
      {{"S: 220 mx", "C: EHLO me.example", "S: 502 what", "C: HELO me.example",
        "close"},
       "SMTP error from remote mail server after EHLO me.example: 502 what"},
      {{"S: 220 mx", "C: EHLO me.example", "S: 421 enough"},
       "SMTP error from remote mail server after EHLO me.example: 421 enough"},
      {{"S: 354 what"},
       "SMTP error from remote mail server after initial connection: 354 what"},
      {{"S: hello"}, "Malformed SMTP reply in response to initial connection: "},
      {kHello + Script{"C: MAIL FROM:<s@x>", "close"},
       closed + "pipelined MAIL FROM:<s@x>"},
      {kHello + kGroup + Script{"S: 250\r\n250", "close"}, closed + "RCPT TO:<b@y>"},
      {kHello + kGroup + Script{"S: 250\r\n250\r\n250", "close"},
       closed + "pipelined DATA"},
      {kHello + kGroup +
           Script{"S: 250\r\n250\r\n250\r\n354", "C: Subject: 1", "C: ", "C: ..dot",
                  "C: .", "close"},
       closed + "end of data"},
      {kHello + kGroup + Script{"S: 250\r\n250\r\n421 bye"},
       "SMTP error from remote mail server after RCPT TO:<b@y>: 421 bye"},
      {kHello + kGroup + Script{"S: 250\r\n250\r\n250\r\n250"},
       "Malformed SMTP reply in response to pipelined DATA: unexpected: 250"},
  };
  for (const Row& row : rows) {
    outcomes.clear();
    failure.reset();
    converse(row.script, false);
    if (!failure && !outcomes.empty()) failure = outcomes[0].lost;
    ASSERT_TRUE(failure) << row.text;
    EXPECT_TRUE(failure->text().starts_with(row.text)) << failure->text();
  }
}

TEST_F(ClientTest, TellsWhatItWaitedForInVain) {
  options.timeouts.data_termination = options.timeouts.greeting = 20ms;
  const Script patient = {"C: never said"};
  auto surprised = [&](Script script) {
    outcomes.clear();
    failure.reset();
    tasks.spawn(serve_script(listener, std::move(script), surprises));
    tasks.spawn(talk(false));
    run();
    return failure ? *failure : *outcomes.at(0).lost;
  };
  smtp::Breakdown why = surprised(patient);
  EXPECT_EQ(why.kind, smtp::Breakdown::Kind::timeout);
  EXPECT_EQ(why.text(), "SMTP timeout after initial connection");
  options.timeouts.greeting = kPatience;
  why = surprised(kHello + kGroup +
                  Script{"S: 250\r\n250\r\n250\r\n354", "C: Subject: 1",
                         "C: ", "C: ..dot", "C: ."} +
                  patient);
  EXPECT_EQ(why.text(), "SMTP timeout after end of data");
  EXPECT_TRUE(outcomes[0].dot_sent);
}

TEST_F(ClientTest, TellsThatNobodyListens) {
  listener.close();
  tasks.spawn(talk(false));
  run();
  EXPECT_EQ(failure->kind, smtp::Breakdown::Kind::unreachable);
  EXPECT_EQ(failure->system_error, ECONNREFUSED);
  EXPECT_EQ(failure->text(), "Connection refused");
}

TEST_F(ClientTest, Q28_SendsThePostponedInAnotherMailOfTheConnection) {
  one.recipients.push_back({"d@y"});
  converse(kHello + Script{"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>", "C: RCPT TO:<b@y>",
                           "C: RCPT TO:<d@y>", "C: DATA",
                           "S: 250\r\n250\r\n250\r\n452 4.5.3 too many\r\n354",
                           "C: Subject: 1", "C: ", "C: ..dot", "C: .", "S: 250 two",
                           // Now the rest, and only with it the next message.
                           "C: MAIL FROM:<s@x>", "C: RCPT TO:<d@y>", "C: DATA",
                           "S: 250\r\n250\r\n354", "C: Subject: 1", "C: .",
                           "C: MAIL FROM:<>", "C: RCPT TO:<c@y>", "C: DATA",
                           "S: 250 one\r\n250\r\n250\r\n354", "C: Subject: 2", "C: .",
                           "S: 250", "C: QUIT"});
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_TRUE(outcomes[0].delivered(0) && outcomes[0].delivered(1));
  EXPECT_TRUE(outcomes[0].postponed(2));
  EXPECT_TRUE(outcomes[1].delivered(0));
  EXPECT_TRUE(outcomes[2].delivered(0));
}

TEST_F(ClientTest, Q31_EndsWhereTheServerSaysThatItWill) {
  Script hello = {"S: 220 mx", "C: EHLO me.example",
                  "S: 250-mx\r\n250-LIMITS MAILMAX=1\r\n250 PIPELINING"};
  // Nothing is announced behind the last one, and nothing is sent.
  converse(hello + kGroup +
           Script{"S: 250\r\n250\r\n250\r\n354", "C: Subject: 1", "C: ", "C: ..dot",
                  "C: .", "S: 250", "C: QUIT"});
  EXPECT_TRUE(outcomes[0].delivered(1));
  EXPECT_FALSE(outcomes[1].mail);
  EXPECT_TRUE(outcomes[1].lost);
  EXPECT_FALSE(usable);
}

TEST_F(ClientTest, SpeaksLmtp) {
  options.protocol = Client::Protocol::lmtp;
  converse({"S: 220 mx",
            "C: LHLO me.example",
            "S: 250-mx\r\n250 PIPELINING",
            "C: MAIL FROM:<s@x>",
            "C: RCPT TO:<a@y>",
            "C: RCPT TO:<b@y>",
            "C: DATA",
            "S: 250\r\n250\r\n250\r\n354",
            "C: Subject: 1",
            "C: ",
            "C: ..dot",
            "C: .",
            "C: MAIL FROM:<>",
            "C: RCPT TO:<c@y>",
            "C: DATA",
            "S: 250 a has it\r\n452 b is full\r\n250\r\n250\r\n354",
            "C: Subject: 2",
            "C: .",
            "S: 250 c has it",
            "C: QUIT"});
  EXPECT_EQ(outcomes[0].verdict(0)->text, "a has it");
  EXPECT_EQ(outcomes[0].verdict(1)->text, "b is full");
  EXPECT_EQ(outcomes[1].verdict(0)->text, "c has it");
  // There is no way back to HELO.
  converse({"S: 220 mx", "C: LHLO me.example", "S: 500 what"});
  EXPECT_EQ(failure->text(),
            "SMTP error from remote mail server after LHLO me.example: 500 what");
}

const Script kChunkingHello = {"S: 220 mx", "C: EHLO me.example",
                               "S: 250-mx\r\n250-CHUNKING\r\n250 PIPELINING"};

TEST_F(ClientTest, SendsAChunkAndTheNextMessageBehindIt) {
  converse(kChunkingHello + Script{"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>",
                                   "C: RCPT TO:<b@y>", "S: 250\r\n250\r\n550",
                                   "C: BDAT 20 LAST", "C: Subject: 1", "C: ", "C: .dot",
                                   "C: MAIL FROM:<>", "C: RCPT TO:<c@y>",
                                   "S: 250 taken\r\n250\r\n250", "C: BDAT 12 LAST",
                                   "C: Subject: 2", "S: 250 taken", "C: QUIT"});
  EXPECT_EQ(code(outcomes[0], 0), 250);
  EXPECT_EQ(code(outcomes[0], 1), 550);
  EXPECT_TRUE(outcomes[0].chunked);
  EXPECT_EQ(code(outcomes[1], 0), 250);
  // 13.7: nobody was accepted, so there is no chunk.
  converse(kChunkingHello + Script{"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>",
                                   "C: RCPT TO:<b@y>", "S: 250\r\n550\r\n450",
                                   "C: RSET", "C: MAIL FROM:<>", "C: RCPT TO:<c@y>",
                                   "S: 250\r\n250\r\n250", "C: BDAT 12 LAST",
                                   "C: Subject: 2", "S: 250", "C: QUIT"});
  EXPECT_EQ(code(outcomes[2], 0), 550);
  EXPECT_FALSE(outcomes[2].dot_sent);
  EXPECT_EQ(code(outcomes[3], 0), 250);
  options.chunking = false;
  converse(kChunkingHello + kGroup +
               Script{"S: 250\r\n250\r\n250\r\n354", "C: Subject: 1", "C: ", "C: ..dot",
                      "C: .", "S: 250", "C: QUIT"},
           false);
  EXPECT_FALSE(outcomes[4].chunked);
}

asio::awaitable<void> send_one(Endpoint to, Message message, smtp::Outcome& out) {
  Client::Options options{.helo_name = "me.example"};
  auto opened = co_await Client::open(to, options);
  Client client = std::move(*opened);
  out = co_await client.send(std::move(message));
  EXPECT_EQ(client.usable(), !out.lost);
}

// Some servers are stuck behind a refusal until they hear RSET; that is no refusal of
// what was announced.
TEST_F(ClientTest, AsksAgainWhereTheAnnouncementCameTooEarly) {
  converse(kChunkingHello +
           Script{"C: MAIL FROM:<s@x>", "C: RCPT TO:<a@y>", "C: RCPT TO:<b@y>",
                  "S: 250\r\n250\r\n250", "C: BDAT 20 LAST", "C: Subject: 1",
                  "C: ", "C: .dot", "C: MAIL FROM:<>", "C: RCPT TO:<c@y>",
                  "S: 554 spam\r\n503 RSET first\r\n503", "C: RSET", "C: MAIL FROM:<>",
                  "C: RCPT TO:<c@y>", "S: 250\r\n250\r\n250", "C: BDAT 12 LAST",
                  "C: Subject: 2", "S: 250 taken", "C: QUIT"});
  EXPECT_EQ(code(outcomes[0], 0), 554);
  EXPECT_EQ(code(outcomes[1], 0), 250);
}

// Octets on the wire that are counted, not kept; the gate is opened when nothing comes
// any more.
struct Chunks {
  std::vector<std::string> commands;
  std::uint64_t octets = 0;
  std::string content;
  bool early = false;  // the end came before the gate was open
};

asio::awaitable<void> take_chunks(Listener& at, Chunks& chunks, Event* gate) {
  Stream stream = co_await at.accept();
  LineReader lines(stream, 1000);
  std::string hello = "220 mx\r\n250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n";
  co_await stream.write(hello, kPatience);
  std::uint64_t awaited = 0;
  bool last = false;
  while (true) {
    while (awaited == 0 && !last) {
      LineReader::Line line = co_await lines.next(kPatience);
      std::string command(line.text);
      if (command.starts_with("EHLO")) continue;
      if (command.starts_with("BDAT")) {
        chunks.commands.push_back(command);
        awaited = std::stoul(command.substr(5));
        last = command.ends_with("LAST");
        continue;
      }
      co_await stream.write("250\r\n", kPatience);
    }
    while (awaited > 0) {
      if (awaited <= 2 && last && gate && !gate->is_open()) {
        for (int i = 0; i < 20; ++i) {
          co_await sleep_for(0s);
          chunks.early = chunks.early || lines.has_input();
        }
        gate->open();
      }
      std::string_view got = co_await lines.some(kPatience);
      got = got.substr(0, awaited);
      chunks.content += got;
      awaited -= got.size();
      lines.consume(got.size());
    }
    co_await stream.write("250 chunk\r\n", kPatience);
    if (last) co_return;
  }
}

TEST_F(ClientTest, CutsALargeMessageIntoChunks) {
  std::string body;
  for (int i = 0; body.size() < 500'000; ++i)
    body += ".line " + std::to_string(i) + "\n";
  std::string wire;
  for (char c : body) wire += c == '\n' ? "\r\n" : std::string(1, c);
  for (bool as_it_is : {false, true}) {
    Chunks chunks;
    Event settled(loop);
    smtp::Outcome outcome;
    tasks.spawn(take_chunks(listener, chunks, &settled));
    std::string_view text = as_it_is ? wire : body;
    // Pieces that do not end where lines do.
    Content pieces = [text]() mutable -> base::Result<std::string_view> {
      std::string_view piece = text.substr(0, 10'007);
      text.remove_prefix(piece.size());
      return piece;
    };
    tasks.spawn(send_one(listener.local(), {one, pieces, &settled, as_it_is}, outcome));
    run();
    EXPECT_TRUE(outcome.delivered(0) && outcome.delivered(1));
    EXPECT_EQ(chunks.content, wire);
    EXPECT_GE(chunks.commands.size(), 3u);
    EXPECT_FALSE(chunks.early);
    EXPECT_TRUE(chunks.commands.back().ends_with(" LAST"));
  }
}

TEST_F(ClientTest, HearsWhyAServerClosedWhileItWrote) {
  auto refuse = [](Listener& at) -> asio::awaitable<void> {
    Stream stream = co_await at.accept();
    LineReader lines(stream, 1000);
    std::string all = "220 mx\r\n250 mx\r\n250\r\n250\r\n250\r\n354\r\n552 too big\r\n";
    co_await stream.write(all, kPatience);
    for (int i = 0; i < 5; ++i) co_await lines.next(kPatience);
  };
  smtp::Outcome outcome;
  std::string piece(65536, 'x');
  Content endless = [&piece]() -> base::Result<std::string_view> { return piece; };
  tasks.spawn(refuse(listener));
  tasks.spawn(send_one(listener.local(), {one, endless}, outcome));
  run();
  EXPECT_EQ(code(outcome, 0), 552);
  EXPECT_FALSE(outcome.dot_sent);
  EXPECT_EQ(outcome.lost->kind, smtp::Breakdown::Kind::closed);
  EXPECT_EQ(outcome.lost->stage, "sending data block");
}

TEST_F(ClientTest, EndsWithoutADotWhenTheContentCannotBeRead) {
  Content bad = []() -> base::Result<std::string_view> {
    return base::fail(base::Code::disk, "reading the body: Input/output error");
  };
  smtp::Outcome outcome;
  tasks.spawn(serve_script(
      listener, kHello + kGroup + Script{"S: 250\r\n250\r\n250\r\n354"}, surprises));
  tasks.spawn(send_one(listener.local(), {one, bad}, outcome));
  run();
  EXPECT_EQ(outcome.lost->kind, smtp::Breakdown::Kind::local);
  EXPECT_EQ(outcome.lost->text(), "reading the body: Input/output error");
  EXPECT_FALSE(outcome.dot_sent);
}

TEST_F(ClientTest, LogsIn) {
  struct Row {
    const char* what;
    std::string offered;
    Script dialogue;
    bool in_clear, required;
    std::string mechanism;  // empty: not logged in
    std::string trouble;    // empty: the mail goes
  };
  const std::string plain = "C: AUTH PLAIN AGtpbQBzZWNyZXQ=";
  const Script login = {"C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: a2lt",
                        "S: 334 UGFzc3dvcmQ6", "C: c2VjcmV0"};
  const std::string refused =
      "authentication failed: SMTP error from remote mail server after AUTH ";
  const Row rows[] = {
      {"PLAIN", "AUTH LOGIN PLAIN", {plain, "S: 235 hello"}, true, true, "PLAIN", ""},
      {"LOGIN", "AUTH LOGIN", login + Script{"S: 235 hello"}, true, true, "LOGIN", ""},
      {"another mechanism may do", "AUTH PLAIN LOGIN",
       Script{plain, "S: 504 not today"} + login + Script{"S: 235"}, true, true,
       "LOGIN", ""},
      {"a wrong password is wrong everywhere",
       "AUTH PLAIN LOGIN",
       {plain, "S: 535 no", "close"},
       true,
       true,
       "",
       refused + "PLAIN: 535 no"},
      {"later",
       "AUTH LOGIN",
       {"C: AUTH LOGIN", "S: 454 wait", "close"},
       true,
       true,
       "",
       refused + "LOGIN: 454 wait"},
      {"refused, but not needed",
       "AUTH PLAIN",
       {plain, "S: 535 no"},
       true,
       false,
       "",
       ""},
      {"not offered",
       "8BITMIME",
       {"close"},
       true,
       true,
       "",
       "authentication failed: the server offers neither PLAIN nor LOGIN"},
      {"not in the clear",
       "AUTH PLAIN",
       {"close"},
       false,
       true,
       "",
       "authentication failed: the connection is not encrypted"},
      {"not in the clear, nor needed", "AUTH PLAIN", {}, false, false, "", ""},
      {"asked for more than there is",
       "AUTH PLAIN",
       {plain, "S: 334 more", "C: *", "S: 501 cancelled", "close"},
       true,
       true,
       "",
       refused + "PLAIN: 501 cancelled"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    outcomes.clear();
    failure.reset();
    authenticated.clear();
    options.login = ClientLogin{"kim", "secret", row.required, row.in_clear};
    Script script = {"S: 220 mx", "C: EHLO me.example",
                     "S: 250-mx\r\n250-PIPELINING\r\n250 " + row.offered};
    script = script + row.dialogue;
    if (row.trouble.empty())
      script = script + kGroup + Script{"S: 250\r\n250\r\n250\r\n503", "C: QUIT"};
    converse(script, false);
    EXPECT_EQ(failure ? failure->text() : "", row.trouble);
    EXPECT_EQ(authenticated, row.mechanism);
    if (failure) {
      EXPECT_EQ(failure->kind, smtp::Breakdown::Kind::auth_failed);
    }
  }
}

TEST_F(ClientTest, ComesFromTheAddressThatItIsTold) {
  options.bind = "127.0.0.9";
  std::string seen;
  auto look = [](Listener& at, std::string& peer) -> asio::awaitable<void> {
    Stream stream = co_await at.accept();
    peer = stream.peer().address;
    co_await stream.write("421 seen\r\n", kPatience);
  };
  tasks.spawn(look(listener, seen));
  tasks.spawn(talk(false));
  run();
  EXPECT_EQ(seen, "127.0.0.9");
  options.bind = "203.0.113.77";  // not ours
  tasks.spawn(talk(false));
  run();
  EXPECT_EQ(failure->kind, smtp::Breakdown::Kind::unreachable);
  EXPECT_EQ(failure->system_error, EADDRNOTAVAIL);
}

}  // namespace
}  // namespace net
