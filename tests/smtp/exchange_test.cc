// SPDX-License-Identifier: Apache-2.0
#include "smtp/exchange.h"

#include <gtest/gtest.h>

#include "smtp/reply.h"

namespace smtp {
namespace {

// Plays a server that gives `codes` one after the other.  What the client did is told
// as its commands, "<content>" or "<nothing>" before each dot.
struct Play {
  std::vector<std::string> groups;
  Outcome outcome;
  bool needs_reset = false;
  bool nonsense = false;
};

Play play(const Capabilities& server, const Envelope& envelope,
          std::vector<int> codes) {
  Exchange exchange(server, envelope);
  Play result;
  std::size_t next_code = 0;
  while (exchange.next() != Exchange::Step::finished && !result.nonsense) {
    std::string group;
    switch (exchange.next()) {
      case Exchange::Step::commands:
        exchange.append_commands(group);
        result.groups.push_back(group);
        break;
      case Exchange::Step::content:
        result.groups.push_back(exchange.nobody_accepted() ? "<nothing>" : "<content>");
        exchange.dot_sent();
        break;
      default:
        result.nonsense = !exchange.take({codes.at(next_code++), "", "x"});
    }
  }
  EXPECT_TRUE(result.nonsense || next_code == codes.size());
  result.needs_reset = exchange.needs_reset();
  result.outcome = exchange.outcome();
  return result;
}

const Capabilities kPlain{.extended = true};
const Capabilities kPipelining{.extended = true, .pipelining = true};
const Envelope kTwo{.sender = "s@x", .recipients = {"a@y", "b@y"}};

// The codes of the verdicts; 0 for none.
std::vector<int> verdicts(const Play& played) {
  std::vector<int> codes;
  for (std::size_t i = 0; i < 2; ++i) {
    const Reply* verdict = played.outcome.verdict(i);
    codes.push_back(verdict ? verdict->code : 0);
  }
  return codes;
}

TEST(Exchange, SendsOneGroupWherePipeliningIsOffered) {
  Play played = play(kPipelining, kTwo, {250, 250, 250, 354, 250});
  EXPECT_EQ(played.groups,
            (std::vector<std::string>{
                "MAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nRCPT TO:<b@y>\r\nDATA\r\n",
                "<content>"}));
  EXPECT_EQ(verdicts(played), (std::vector{250, 250}));
  EXPECT_FALSE(played.needs_reset);
}

TEST(Exchange, SendsOneCommandAtATimeElsewhere) {
  Play played = play(kPlain, kTwo, {250, 250, 250, 354, 250});
  EXPECT_EQ(played.groups.size(), 5u);
  EXPECT_EQ(played.groups[1], "RCPT TO:<a@y>\r\n");
}

struct Row {
  Capabilities server;
  std::vector<int> codes;
  std::vector<int> verdicts;
  std::string last;  // group
  bool needs_reset;
};

TEST(Exchange, GivesEachRecipientItsVerdict) {
  const Row rows[] = {
      {kPlain, {550}, {550, 550}, "MAIL FROM:<s@x>\r\n", false},
      {kPlain, {250, 550, 450}, {550, 450}, "RCPT TO:<b@y>\r\n", true},
      {kPlain, {250, 550, 250, 354, 250}, {550, 250}, "<content>", false},
      {kPlain, {250, 250, 250, 451}, {451, 451}, "DATA\r\n", true},
      {kPlain, {250, 250, 450, 354, 554}, {554, 450}, "<content>", false},
      {kPipelining, {250, 250, 550, 354, 250}, {250, 550}, "<content>", false},
      // The server has taken DATA although it refused everybody: a lone dot.
      {kPipelining, {250, 550, 450, 354, 554}, {550, 450}, "<nothing>", false},
      {kPipelining, {450, 503, 503, 354, 554}, {450, 450}, "<nothing>", false},
  };
  for (const Row& row : rows) {
    Play played = play(row.server, kTwo, row.codes);
    EXPECT_EQ(verdicts(played), row.verdicts);
    EXPECT_EQ(played.groups.back(), row.last);
    EXPECT_EQ(played.needs_reset, row.needs_reset);
  }
  Play refused = play(kPipelining, kTwo, {550, 503, 503, 503});
  EXPECT_EQ(verdicts(refused), (std::vector{550, 550}));
  EXPECT_EQ(refused.groups.size(), 1u);
  EXPECT_FALSE(refused.needs_reset);
  Play nobody = play(kPipelining, kTwo, {250, 550, 550, 503});
  EXPECT_EQ(verdicts(nobody), (std::vector{550, 550}));
  EXPECT_TRUE(nobody.needs_reset);
}

TEST(Exchange, EndsWith421Wherever) {
  Play played = play(kPipelining, kTwo, {250, 250, 421});
  EXPECT_EQ(verdicts(played), (std::vector{0, 421}));
  EXPECT_EQ(play(kPipelining, kTwo, {421}).outcome.verdict(1)->code, 421);
}

TEST(Exchange, TakesNoRepliesThatCannotBe) {
  EXPECT_TRUE(play(kPipelining, kTwo, {354}).nonsense);
  EXPECT_TRUE(play(kPipelining, kTwo, {250, 354}).nonsense);
  EXPECT_TRUE(play(kPipelining, kTwo, {250, 250, 250, 250}).nonsense);
  EXPECT_TRUE(play(kPipelining, kTwo, {250, 250, 250, 354, 354}).nonsense);
}

TEST(Exchange, CutsALargeGroup) {
  Envelope many{.sender = "s@x", .recipients = std::vector<std::string>(250, "a@y")};
  std::vector<int> codes(251, 250);
  codes.insert(codes.end(), {354, 250});
  Play played = play(kPipelining, many, codes);
  EXPECT_EQ(played.groups.size(), 4u);  // 100, 100, 52, content
}

TEST(Exchange, SaysOnlyParametersThatWereOffered) {
  Envelope envelope{"", {"a@y"}, 77, BodyType::eight_bit_mime};
  std::string plain, full;
  Exchange(kPlain, envelope).append_commands(plain);
  EXPECT_EQ(plain, "MAIL FROM:<>\r\n");
  Capabilities server{.extended = true, .eight_bit_mime = true, .size = true};
  Exchange(server, envelope).append_commands(full);
  EXPECT_EQ(full, "MAIL FROM:<> SIZE=77 BODY=8BITMIME\r\n");
}

TEST(Exchange, RefusesAddressesThatWouldBreakOut) {
  auto sendable = [](std::string sender, std::string recipient) {
    return Exchange::check({std::move(sender), {std::move(recipient)}, {}, {}})
        .has_value();
  };
  EXPECT_TRUE(sendable("", "a@y"));
  EXPECT_TRUE(sendable("\"a>b\"@x", "a@y"));
  for (const char* bad :
       {"a@y\r\nDATA", "a@y\n", "a>@y", "a@y> SIZE=1", "\"a@y", "a\x01"}) {
    EXPECT_FALSE(sendable("", bad)) << bad;
    EXPECT_FALSE(sendable(bad, "a@y")) << bad;
  }
  EXPECT_FALSE(sendable("", ""));
  EXPECT_FALSE(Exchange::check({"", {}, {}, {}}));
}

TEST(Capabilities, AreReadFromTheReplyToEhlo) {
  Capabilities server = parse_ehlo_reply(
      {250, "",
       "PIPELINING.example\nSIZE 1000\npipelining\n8BITMIME\nX-NEW a b\nHELP"});
  EXPECT_TRUE(server.pipelining && server.eight_bit_mime && server.size);
  EXPECT_EQ(server.size_limit, 1000u);
  EXPECT_FALSE(server.chunking || server.starttls || server.smtputf8 || server.dsn);
  // The first line is no keyword; nonsense behind SIZE is no limit.
  EXPECT_FALSE(parse_ehlo_reply({250, "", "PIPELINING"}).pipelining);
  EXPECT_EQ(parse_ehlo_reply({250, "", "x\nSIZE -1"}).size_limit, 0u);
}

}  // namespace
}  // namespace smtp
