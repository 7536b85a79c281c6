// SPDX-License-Identifier: Apache-2.0
#include "smtp/dialogue.h"

#include <gtest/gtest.h>

#include <functional>

namespace smtp {
namespace {

// A receiver without a socket: what is said to each line, as its code.
class Server {
 public:
  explicit Server(Offer offer = {.hostname = "mx.example"})
      : dialogue(std::move(offer), "192.0.2.1") {}

  Reply say(std::string_view line) {
    auto command = parse_command(line);
    if (!command) return dialogue.misunderstood(verb_of(line), command.error());
    if (auto refusal = dialogue.refuses(*command)) return *refusal;
    Reply reply = policy(line).value_or(dialogue.usual_answer(*command));
    dialogue.apply(*command, reply);
    if (dialogue.awaits_message() && reply.code == 354) dialogue.message_over();
    return reply;
  }

  Dialogue dialogue;
  std::function<std::optional<Reply>(std::string_view)> policy =
      [](std::string_view) -> std::optional<Reply> { return std::nullopt; };
};

TEST(Dialogue, AllowsWhatTheOrderOfCommandsAllows) {
  struct Step {
    std::string_view line;
    int code;
  };
  const std::vector<std::vector<Step>> talks = {
      {{"MAIL FROM:<a@b>", 503}, {"RCPT TO:<a@b>", 503}, {"DATA", 503}},
      {{"HELO x", 250},
       {"MAIL FROM:<>", 250},
       {"RCPT TO:<a@b>", 250},
       {"DATA", 354},
       {"MAIL FROM:<>", 250}},
      {{"EHLO x", 250}, {"RCPT TO:<a@b>", 503}, {"DATA", 503}},
      {{"EHLO x", 250},
       {"MAIL FROM:<a@b>", 250},
       {"MAIL FROM:<c@d>", 503},
       {"RCPT TO:<a@b>", 250},
       {"DATA", 354}},
      {{"EHLO x", 250}, {"MAIL FROM:<a@b>", 250}, {"DATA", 503}},
      {{"EHLO x", 250},
       {"MAIL FROM:<a@b>", 250},
       {"RCPT TO:<a@b>", 250},
       {"RSET", 250},
       {"DATA", 503},
       {"MAIL FROM:<a@b>", 250}},
      {{"EHLO x", 250},
       {"MAIL FROM:<a@b>", 250},
       {"EHLO y", 250},
       {"RCPT TO:<a@b>", 503}},
      {{"EHLO x", 250},
       {"MAIL FROM:<a@b>", 250},
       {"EHLO ?", 501},
       {"RCPT TO:<a@b>", 250}},
      {{"NOOP", 250}, {"HELP", 214}, {"VRFY a", 252}, {"RSET", 250}, {"QUIT", 221}},
  };
  for (const auto& talk : talks) {
    Server server;
    for (const auto& [line, code] : talk)
      EXPECT_EQ(server.say(line).code, code) << line;
  }
}

TEST(Dialogue, RX1_ListsKeywordsInTheirOrder) {
  Server server({.hostname = "mx.example", .size_limit = 1000});
  EXPECT_EQ(format_reply(server.say("EHLO me")),
            "250-mx.example Hello me [192.0.2.1]\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
            "250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 HELP\r\n");
  Server plain({.hostname = "mx", .eight_bit_mime = false, .pipelining = false});
  EXPECT_EQ(plain.say("EHLO me").text,
            "mx Hello me [192.0.2.1]\nSIZE\nENHANCEDSTATUSCODES\nHELP");
}

TEST(Dialogue, RX2_AnswersHeloInOneLine) {
  Server server;
  EXPECT_EQ(format_reply(server.say("HELO me")),
            "250 mx.example Hello me [192.0.2.1]\r\n");
  EXPECT_FALSE(server.dialogue.extended());
}

TEST(Dialogue, RX3_EndsAConversationOutOfStep) {
  Server server;
  server.say("EHLO me");
  EXPECT_EQ(server.dialogue.out_of_sync(Verb::mail, true), std::nullopt);
  EXPECT_EQ(server.dialogue.out_of_sync(Verb::noop, false), std::nullopt);
  EXPECT_EQ(server.dialogue.out_of_sync(Verb::noop, true)->code, 554);
  EXPECT_TRUE(server.dialogue.over());
}

TEST(Dialogue, KnowsWhatMustComeLast) {
  using enum Verb;
  Server server;
  for (Verb verb : {helo, ehlo, data, noop, vrfy, unknown, mail, rcpt, rset})
    EXPECT_TRUE(server.dialogue.must_be_last(verb));  // nothing was advertised yet
  server.say("EHLO me");
  for (Verb verb : {helo, ehlo, data, noop, vrfy, unknown})
    EXPECT_TRUE(server.dialogue.must_be_last(verb));
  for (Verb verb : {mail, rcpt, rset, quit, help})
    EXPECT_FALSE(server.dialogue.must_be_last(verb));
}

TEST(Dialogue, RX10_RefusesADeclaredSizeOverTheLimit) {
  Server server({.hostname = "mx", .size_limit = 1000});
  server.say("EHLO me");
  EXPECT_EQ(server.say("MAIL FROM:<a@b> SIZE=1001").code, 552);
  EXPECT_FALSE(server.dialogue.in_transaction());
  EXPECT_EQ(server.say("MAIL FROM:<a@b> SIZE=1000").code, 250);
  EXPECT_EQ(server.dialogue.errors(), 0u);
}

TEST(Dialogue, RX15_RefusesTheRecipientOverTheLimitOnly) {
  Server server({.hostname = "mx", .recipient_limit = 2});
  server.say("EHLO me");
  server.say("MAIL FROM:<a@b>");
  EXPECT_EQ(server.say("RCPT TO:<1@b>").code, 250);
  EXPECT_EQ(server.say("RCPT TO:<2@b>").code, 250);
  EXPECT_EQ(server.say("RCPT TO:<3@b>").code, 452);
  EXPECT_EQ(server.dialogue.transaction().recipients.size(), 2u);
  EXPECT_EQ(server.say("DATA").code, 354);
}

TEST(Dialogue, RX23_ExcusesWhatWasPipelinedBehindARefusal) {
  for (bool pipelining : {true, false}) {
    Server server({.hostname = "mx", .pipelining = pipelining});
    server.policy = [](std::string_view line) -> std::optional<Reply> {
      if (line.starts_with("MAIL")) return Reply{550, "5.7.1", "no"};
      return std::nullopt;
    };
    server.say("EHLO me");
    EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 550);
    EXPECT_EQ(server.say("RCPT TO:<a@b>").code, 503);
    EXPECT_EQ(server.say("DATA").code, 503);
    EXPECT_EQ(server.dialogue.errors(), pipelining ? 0u : 2u);
  }
}

TEST(Dialogue, ExcusesWhatWasPipelinedBehindAMalformedSender) {
  Server server;
  server.say("EHLO me");
  EXPECT_EQ(server.say("MAIL FROM:<a@>").code, 501);
  EXPECT_EQ(server.say("RCPT TO:<a@b>").code, 503);
  EXPECT_EQ(server.dialogue.errors(), 1u);
}

TEST(Dialogue, TellsDataWhyEveryRecipientWasRefused) {
  Server server;
  server.policy = [](std::string_view line) -> std::optional<Reply> {
    if (line.contains("same")) return Reply{550, "5.1.1", "nobody"};
    if (line.contains("other")) return Reply{550, "5.1.1", "other"};
    return std::nullopt;
  };
  server.say("EHLO me");
  server.say("MAIL FROM:<a@b>");
  server.say("RCPT TO:<same1@b>");
  server.say("RCPT TO:<same2@b>");
  Reply reply = server.say("DATA");
  EXPECT_EQ(reply.code, 503);
  EXPECT_TRUE(reply.text.contains("\n550 5.1.1 nobody\n")) << reply.text;
  server.say("RCPT TO:<other@b>");
  EXPECT_FALSE(server.say("DATA").text.contains("nobody"));
  EXPECT_EQ(server.dialogue.errors(), 0u);
}

TEST(Dialogue, RX24_ClosesAtTheFourthErrorOfAKind) {
  for (const char* line : {"DATA", "MAIL FROM:x", "EHLO", "BOGUS"}) {
    Server server;
    for (int i = 0; i < 3; ++i) {
      server.say(line);
      EXPECT_FALSE(server.dialogue.over()) << line;
    }
    EXPECT_EQ(server.say(line).code, 421) << line;
    EXPECT_TRUE(server.dialogue.over()) << line;
  }
  Server mixed;  // two counters: three of each are still borne
  for (int i = 0; i < 3; ++i) {
    mixed.say("DATA");
    mixed.say("BOGUS");
  }
  EXPECT_FALSE(mixed.dialogue.over());
}

TEST(Dialogue, MovesOnOnlyIfAnswered) {
  Server server;
  server.say("EHLO me");
  server.policy = [](std::string_view) { return Reply{451, "4.3.0", "later"}; };
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 451);
  EXPECT_FALSE(server.dialogue.in_transaction());
  server.policy = [](std::string_view) { return Reply{421, "4.3.2", "bye"}; };
  server.say("NOOP");
  EXPECT_TRUE(server.dialogue.over());
}

}  // namespace
}  // namespace smtp
