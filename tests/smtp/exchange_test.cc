// SPDX-License-Identifier: Apache-2.0
#include "smtp/exchange.h"

#include <gtest/gtest.h>

#include "smtp/reply.h"

namespace smtp {
namespace {

// Plays a server that gives `codes` one after the other.  What the client did is told
// as its commands, "<content>" or "<nothing>" before each dot, "<chunk>" and "<last>".
struct Play {
  std::vector<std::string> groups;
  Outcome outcome;
  bool needs_reset = false;
  bool nonsense = false;
};

Play play(const Capabilities& server, const Envelope& envelope, std::vector<int> codes,
          std::size_t chunks = 1) {
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
        if (exchange.by_chunks()) {
          const bool last = --chunks == 0;
          result.groups.push_back(last ? "<last>" : "<chunk>");
          exchange.chunk_sent(last);
          break;
        }
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
const Envelope kTwo{.sender = "s@x", .recipients = {{"a@y"}, {"b@y"}}};

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
  Envelope many{.sender = "s@x", .recipients = std::vector<Recipient>(250, {"a@y"})};
  std::vector<int> codes(251, 250);
  codes.insert(codes.end(), {354, 250});
  Play played = play(kPipelining, many, codes);
  EXPECT_EQ(played.groups.size(), 4u);  // 100, 100, 52, content
}

TEST(Exchange, SaysOnlyParametersThatWereOffered) {
  Envelope envelope{"", {{"a@y"}}, 77, BodyType::eight_bit_mime};
  std::string plain, full;
  Exchange(kPlain, envelope).append_commands(plain);
  EXPECT_EQ(plain, "MAIL FROM:<>\r\n");
  Capabilities server{.extended = true, .eight_bit_mime = true, .size = true};
  Exchange(server, envelope).append_commands(full);
  EXPECT_EQ(full, "MAIL FROM:<> SIZE=77 BODY=8BITMIME\r\n");
}

TEST(Exchange, Q94_TellsABitMoreThanTheSizeButNotTooMuchForTheServer) {
  struct Told {
    std::optional<std::uint64_t> addition;
    std::uint64_t limit;
    std::string told;
  };
  for (const Told& row : {Told{1024, 0, " SIZE=1101"}, Told{1024, 2000, " SIZE=1101"},
                          Told{1024, 100, " SIZE=100"}, Told{0, 0, " SIZE=77"},
                          Told{std::nullopt, 0, ""}}) {
    Envelope envelope{
        .recipients = {{"a@y"}}, .size = 77, .size_addition = row.addition};
    Capabilities server{.extended = true, .size = true, .size_limit = row.limit};
    std::string said;
    Exchange(server, envelope).append_commands(said);
    EXPECT_EQ(said, "MAIL FROM:<>" + row.told + "\r\n");
  }
}

// Q94: byte for byte, or not at all.
TEST(Exchange, Q94_PassesParametersOnWhereTheyAreOffered) {
  Envelope envelope{
      .sender = "s@x",
      .recipients = {{"a@y", notify::kNever, "rfc822;a+2Bb@Y"},
                     {"b@y", notify::kSuccess | notify::kDelay},
                     {"c@y", notify::kSuccess | notify::kFailure | notify::kDelay},
                     {"d@y", 0, "x400;/S+3Dd/"}},
      .size = 9,
      .body = BodyType::seven_bit,
      .smtputf8 = true,
      .ret = DsnReturn::headers,
      .envid = "Id+3D+2b"};
  const std::string commands =
      "RCPT TO:<a@y> NOTIFY=NEVER ORCPT=rfc822;a+2Bb@Y\r\n"
      "RCPT TO:<b@y> NOTIFY=SUCCESS,DELAY\r\n"
      "RCPT TO:<c@y> NOTIFY=SUCCESS,FAILURE,DELAY\r\n"
      "RCPT TO:<d@y> ORCPT=x400;/S+3Dd/\r\nDATA\r\n";
  Capabilities server = kPipelining;
  server.dsn = server.smtputf8 = server.size = server.eight_bit_mime = true;
  std::string full, plain;
  Exchange exchange(server, envelope);
  exchange.append_commands(full);
  EXPECT_EQ(full,
            "MAIL FROM:<s@x> SIZE=9 BODY=7BIT SMTPUTF8 RET=HDRS ENVID=Id+3D+2b\r\n" +
                commands);
  EXPECT_EQ(exchange.outcome().mail_command,
            "MAIL FROM:<s@x> SIZE=9 BODY=7BIT SMTPUTF8 RET=HDRS ENVID=Id+3D+2b");
  Exchange(kPipelining, envelope).append_commands(plain);
  EXPECT_EQ(plain,
            "MAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\n"
            "RCPT TO:<d@y>\r\nDATA\r\n");
}

TEST(Exchange, SaysWhatAServerCannotTake) {
  const Capabilities none{.extended = true};
  struct Case {
    const char* what;
    Capabilities server;
    Envelope envelope;
    std::string enhanced;  // empty: nothing stands against it
    EightBit eight_bit = EightBit::as_is;
  };
  const Case cases[] = {
      {"plain", none, kTwo, ""},
      {"UTF-8 in a recipient", none, {"s@x", {{"\u00e4@y"}}}, "5.6.7"},
      {"UTF-8 in the sender", none, {"\u00e4@x", {{"a@y"}}}, "5.6.7"},
      {"UTF-8 elsewhere", none, {.recipients = {{"a@y"}}, .smtputf8 = true}, "5.6.7"},
      {"offered", {.smtputf8 = true}, {"\u00e4@x", {{"a@y"}}}, ""},
      {"8BITMIME, as Exim", none, {.body = BodyType::eight_bit_mime}, ""},
      {"8BITMIME, strictly",
       none,
       {.body = BodyType::eight_bit_mime},
       "5.6.3",
       EightBit::refuse},
      {"8BITMIME offered",
       {.eight_bit_mime = true},
       {.body = BodyType::eight_bit_mime},
       "",
       EightBit::refuse},
      {"BINARYMIME", {.chunking = true}, {.body = BodyType::binary_mime}, "5.6.3"},
      {"BINARYMIME without chunks",
       {.binary_mime = true},
       {.body = BodyType::binary_mime},
       "5.6.3"},
      {"BINARYMIME offered",
       {.binary_mime = true, .chunking = true},
       {.body = BodyType::binary_mime},
       ""},
      {"too big", {.size = true, .size_limit = 9}, {.size = 10}, "5.3.4"},
      {"just not", {.size = true, .size_limit = 9}, {.size = 9}, ""},
      {"no limit", {.size = true}, {.size = 10}, ""},
      {"no size", {.size = true, .size_limit = 9}, kTwo, ""},
  };
  for (const Case& row : cases) {
    auto reply = obstacle(row.server, row.envelope, row.eight_bit);
    EXPECT_EQ(reply ? reply->enhanced : "", row.enhanced) << row.what;
    EXPECT_TRUE(!reply || reply->permanent());
  }
}

// Which recipients are postponed, by number.
std::vector<std::size_t> postponed(const Outcome& outcome, std::size_t count) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < count; ++i)
    if (outcome.postponed(i)) found.push_back(i);
  return found;
}

TEST(Exchange, Q28_PostponesWhatIsTooMuchForOneTransaction) {
  const Envelope four{.sender = "s@x",
                      .recipients = {{"a@y"}, {"b@y"}, {"c@y"}, {"d@y"}}};
  struct Case {
    const char* what;
    Capabilities server;
    std::vector<int> codes;
    std::vector<std::size_t> postponed;
    std::vector<int> verdicts;  // of all four
    std::string last;
  };
  const Case cases[] = {
      {"in a pipeline",
       kPipelining,
       {250, 250, 250, 452, 452, 354, 250},
       {2, 3},
       {250, 250, 0, 0},
       "<content>"},
      {"a later one is taken all the same",
       kPipelining,
       {250, 250, 452, 452, 250, 354, 250},
       {1, 2},
       {250, 0, 0, 250},
       "<content>"},
      {"one by one: the rest is not even asked for",
       kPlain,
       {250, 250, 250, 452, 354, 250},
       {2, 3},
       {250, 250, 0, 0},
       "<content>"},
      {"behind a refusal",
       kPlain,
       {250, 550, 452},
       {1, 2, 3},
       {550, 0, 0, 0},
       "RCPT TO:<b@y>\r\n"},
      {"to the first it is a refusal",
       kPipelining,
       {250, 452, 452, 452, 452, 503},
       {},
       {452, 452, 452, 452},
       ""},
      {"behind another trouble, too",
       kPipelining,
       {250, 450, 452, 250, 452, 354, 250},
       {3},
       {450, 452, 250, 0},
       "<content>"},
      {"content refused: they were not part of it",
       kPipelining,
       {250, 250, 452, 452, 452, 354, 554},
       {1, 2, 3},
       {554, 0, 0, 0},
       "<content>"},
      {"MAIL refused",
       kPipelining,
       {452, 503, 503, 503, 503, 503},
       {},
       {452, 452, 452, 452},
       ""},
  };
  for (const Case& row : cases) {
    Play played = play(row.server, four, row.codes);
    EXPECT_EQ(postponed(played.outcome, 4), row.postponed) << row.what;
    std::vector<int> verdicts;
    for (std::size_t i = 0; i < 4; ++i) {
      const Reply* verdict = played.outcome.verdict(i);
      verdicts.push_back(verdict ? verdict->code : 0);
    }
    EXPECT_EQ(verdicts, row.verdicts) << row.what;
    EXPECT_EQ(played.outcome.full, !row.postponed.empty()) << row.what;
    EXPECT_TRUE(row.last.empty() || played.groups.back() == row.last) << row.what;
  }
}

TEST(Exchange, TellsAFullMailboxFromTooManyRecipients) {
  Exchange exchange(kPipelining, kTwo);
  std::string ignored;
  exchange.append_commands(ignored);
  for (Reply reply :
       {Reply{250, "", ""}, Reply{250, "", ""}, Reply{452, "4.2.2", "full"}})
    EXPECT_TRUE(exchange.take(reply));
  EXPECT_FALSE(exchange.outcome().postponed(1));
  EXPECT_EQ(exchange.outcome().verdict(1)->code, 452);
}

TEST(Exchange, AsksForNoMoreBehindAFullGroup) {
  Envelope many{.sender = "s@x", .recipients = std::vector<Recipient>(250, {"a@y"})};
  std::vector<int> codes(91, 250);    // MAIL and 90 recipients
  codes.insert(codes.end(), 9, 452);  // the rest of the first group
  codes.insert(codes.end(), {354, 250});
  Play played = play(kPipelining, many, codes);
  ASSERT_EQ(played.groups.size(), 3u);
  EXPECT_EQ(played.groups[1], "DATA\r\n");
  EXPECT_EQ(postponed(played.outcome, 250).size(), 160u);
  EXPECT_TRUE(played.outcome.delivered(89));
  EXPECT_FALSE(played.outcome.delivered(90));
}

TEST(Exchange, SendsChunksWhereTheyAreOffered) {
  Capabilities pipelining = kPipelining, plain = kPlain;
  pipelining.chunking = plain.chunking = true;
  const std::string group = "MAIL FROM:<s@x>\r\nRCPT TO:<a@y>\r\nRCPT TO:<b@y>\r\n";
  using Groups = std::vector<std::string>;
  Play one = play(pipelining, kTwo, {250, 250, 550, 250});
  EXPECT_EQ(one.groups, (Groups{group, "<last>"}));
  EXPECT_EQ(verdicts(one), (std::vector{250, 550}));
  EXPECT_FALSE(one.needs_reset);
  EXPECT_TRUE(one.outcome.chunked && one.outcome.dot_sent);
  // Two of them may be on their way.
  Exchange exchange(pipelining, kTwo);
  std::string ignored;
  exchange.append_commands(ignored);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(exchange.take({250, "", ""}));
  exchange.chunk_sent(false);
  EXPECT_EQ(exchange.next(), Exchange::Step::content);
  exchange.chunk_sent(false);
  EXPECT_EQ(exchange.next(), Exchange::Step::reply);
  EXPECT_TRUE(exchange.take({250, "", ""}));
  EXPECT_EQ(exchange.next(), Exchange::Step::content);
  exchange.chunk_sent(true);
  EXPECT_TRUE(exchange.take({250, "", ""}));
  EXPECT_EQ(exchange.next(), Exchange::Step::reply);
  EXPECT_TRUE(exchange.take({250, "", "taken"}));
  EXPECT_EQ(exchange.next(), Exchange::Step::finished);
  EXPECT_EQ(exchange.outcome().verdict(0)->text, "taken");
  // One after the other elsewhere.
  EXPECT_EQ(play(plain, kTwo, {250, 250, 250, 250, 250, 250}, 3).groups,
            (Groups{"MAIL FROM:<s@x>\r\n", "RCPT TO:<a@y>\r\n", "RCPT TO:<b@y>\r\n",
                    "<chunk>", "<chunk>", "<last>"}));
  // A chunk is refused, with another one behind it already.
  Play refused = play(pipelining, kTwo, {250, 250, 250, 552, 503}, 3);
  EXPECT_EQ(refused.groups, (Groups{group, "<chunk>", "<chunk>"}));
  EXPECT_EQ(verdicts(refused), (std::vector{552, 552}));
  EXPECT_TRUE(refused.needs_reset);
  EXPECT_FALSE(refused.outcome.dot_sent);
  EXPECT_EQ(refused.outcome.stage(kTwo, 0), "BDAT");
  // ... and that was the last one: it is not taken, so nothing is in doubt.
  Play last = play(pipelining, kTwo, {250, 250, 250, 552, 503}, 2);
  EXPECT_EQ(verdicts(last), (std::vector{552, 552}));
  EXPECT_TRUE(last.needs_reset);
  // 13.7: nobody was accepted, so nothing is sent.
  Play nobody = play(pipelining, kTwo, {250, 550, 450});
  EXPECT_EQ(nobody.groups, Groups{group});
  EXPECT_TRUE(nobody.needs_reset);
  EXPECT_FALSE(nobody.outcome.dot_sent);
  EXPECT_TRUE(play(pipelining, kTwo, {250, 250, 250, 354}).nonsense);
  Play over = play(pipelining, kTwo, {250, 250, 250, 421}, 1);
  EXPECT_EQ(verdicts(over), (std::vector{421, 421}));
}

// RFC 2033: a reply for each recipient that was accepted, in their order.
TEST(Exchange, TakesAReplyForEachRecipientOfLmtp) {
  const Envelope three{.sender = "s@x", .recipients = {{"a@y"}, {"b@y"}, {"c@y"}}};
  Capabilities lmtp = kPipelining;
  lmtp.lmtp = true;
  Play played = play(lmtp, three, {250, 250, 550, 250, 354, 250, 452});
  EXPECT_TRUE(played.outcome.delivered(0));
  EXPECT_EQ(played.outcome.verdict(1)->code, 550);
  EXPECT_EQ(played.outcome.verdict(2)->code, 452);
  EXPECT_EQ(played.outcome.ends.size(), 2u);
  EXPECT_EQ(played.outcome.stage(three, 2), "end of data");
  EXPECT_FALSE(played.needs_reset);
  // The server goes away between two of them.
  Play cut = play(lmtp, three, {250, 250, 250, 250, 354, 250, 421});
  EXPECT_TRUE(cut.outcome.delivered(0));
  EXPECT_EQ(cut.outcome.verdict(1)->code, 421);
  EXPECT_EQ(cut.outcome.verdict(2), nullptr);
  // "If there were no successful RCPT commands, then the DATA command MUST fail."
  EXPECT_TRUE(play(lmtp, kTwo, {250, 550, 550, 354}).nonsense);
  lmtp.chunking = true;
  Play chunks = play(lmtp, three, {250, 250, 550, 250, 250, 250, 552}, 2);
  EXPECT_EQ(chunks.groups.back(), "<last>");
  EXPECT_TRUE(chunks.outcome.delivered(0));
  EXPECT_EQ(chunks.outcome.verdict(2)->code, 552);
}

TEST(Exchange, NamesTheStageAsLogsDo) {
  struct Case {
    Capabilities server;
    std::vector<int> codes;
    std::string first, second;
  };
  const Case cases[] = {
      {kPipelining,
       {550, 503, 503, 503},
       "pipelined MAIL FROM:<s@x>",
       "pipelined MAIL FROM:<s@x>"},
      {kPlain, {550}, "MAIL FROM:<s@x>", "MAIL FROM:<s@x>"},
      {kPipelining, {250, 550, 250, 451}, "RCPT TO:<a@y>", "pipelined DATA"},
      {kPlain, {250, 250, 250, 451}, "DATA", "DATA"},
      {kPipelining, {250, 250, 250, 354, 554}, "end of data", "end of data"},
  };
  for (const Case& row : cases) {
    Play played = play(row.server, kTwo, row.codes);
    EXPECT_EQ(played.outcome.stage(kTwo, 0), row.first);
    EXPECT_EQ(played.outcome.stage(kTwo, 1), row.second);
  }
  Exchange exchange(kPlain, kTwo);
  std::string ignored;
  std::vector<std::string> stages;
  for (int code : {250, 250, 250, 354}) {
    exchange.append_commands(ignored);
    stages.push_back(exchange.stage());
    EXPECT_TRUE(exchange.take({code, "", ""}));
  }
  stages.push_back(exchange.stage());
  exchange.dot_sent();
  stages.push_back(exchange.stage());
  EXPECT_EQ(stages, (std::vector<std::string>{"MAIL FROM:<s@x>", "RCPT TO:<a@y>",
                                              "RCPT TO:<b@y>", "DATA",
                                              "sending data block", "end of data"}));
}

TEST(Exchange, RefusesAddressesThatWouldBreakOut) {
  auto sendable = [](std::string sender, std::string recipient) {
    return Exchange::check({std::move(sender), {{std::move(recipient)}}}).has_value();
  };
  EXPECT_TRUE(sendable("", "a@y"));
  EXPECT_TRUE(sendable("\"a>b\"@x", "a@y"));
  for (const char* bad :
       {"a@y\r\nDATA", "a@y\n", "a>@y", "a@y> SIZE=1", "\"a@y", "a\x01"}) {
    EXPECT_FALSE(sendable("", bad)) << bad;
    EXPECT_FALSE(sendable(bad, "a@y")) << bad;
  }
  EXPECT_FALSE(sendable("", ""));
  const Recipient orcpt{"a@y", 0, "rfc822;a@y\r\nDATA"};
  EXPECT_FALSE(Exchange::check({.recipients = {orcpt}}));
  EXPECT_FALSE(Exchange::check({.recipients = {{"a@y"}}, .envid = "x SIZE=1"}));
  EXPECT_FALSE(Exchange::check({"", {}}));
}

TEST(Capabilities, AreReadFromTheReplyToEhlo) {
  Capabilities server = parse_ehlo_reply(
      {250, "",
       "PIPELINING.example\nSIZE 1000\npipelining\n8BITMIME\nX-NEW a b\nHELP"});
  EXPECT_TRUE(server.pipelining && server.eight_bit_mime && server.size);
  EXPECT_EQ(server.size_limit, 1000u);
  EXPECT_FALSE(server.chunking || server.starttls || server.smtputf8 || server.dsn);
  Capabilities more = parse_ehlo_reply(
      {250, "",
       "x\nAUTH PLAIN  login\nLIMITS MAILMAX=10 RCPTMAX=5 NEW=x rcptdomainmax=1\n"
       "PRDR\nREQUIRETLS\nDSN\nBINARYMIME\nCHUNKING\nSMTPUTF8\nSTARTTLS"});
  EXPECT_EQ(more.auth, (std::vector<std::string>{"PLAIN", "LOGIN"}));
  EXPECT_EQ(more.limits.mails, 10u);
  EXPECT_EQ(more.limits.recipients, 5u);
  EXPECT_EQ(more.limits.domains, 1u);
  EXPECT_TRUE(more.prdr && more.requiretls && more.dsn && more.binary_mime &&
              more.chunking && more.smtputf8 && more.starttls);
  // RFC 9422 section 3: what is no number is no limit.
  Limits odd =
      parse_ehlo_reply(
          {250, "", "x\nLIMITS MAILMAX=-1 RCPTMAX= RCPTDOMAINMAX=99999999999 MAILMAX"})
          .limits;
  EXPECT_EQ(odd.mails + odd.recipients + odd.domains, 0u);
  // The first line is no keyword; nonsense behind SIZE is no limit.
  EXPECT_FALSE(parse_ehlo_reply({250, "", "PIPELINING"}).pipelining);
  EXPECT_EQ(parse_ehlo_reply({250, "", "x\nSIZE -1"}).size_limit, 0u);
}

}  // namespace
}  // namespace smtp
