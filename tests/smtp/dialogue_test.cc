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
    auto refusal = dialogue.refuses(*command);
    chunk = dialogue.chunk();
    if (refusal && !std::holds_alternative<Bdat>(*command)) return *refusal;
    Reply reply =
        refusal ? *refusal : policy(line).value_or(dialogue.usual_answer(*command));
    dialogue.apply(*command, reply);
    if (dialogue.awaits_message() || (chunk && chunk->last && chunk->kept))
      dialogue.message_over();
    return reply;
  }

  // To the point where DATA or BDAT may come.
  void begin(std::string_view params = "") {
    EXPECT_EQ(say("EHLO me").code, 250);
    EXPECT_EQ(say("MAIL FROM:<a@b>" + std::string(params)).code, 250);
    EXPECT_EQ(say("RCPT TO:<c@d>").code, 250);
  }

  Dialogue dialogue;
  std::optional<Dialogue::Chunk> chunk;  // behind the last command
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
       {"HELO under_score", 501},
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

Offer everything() {
  return {.hostname = "mx",
          .size_limit = 50,
          .recipient_limit = 3,
          .limits = true,
          .dsn = true,
          .etrn = true,
          .vrfy = true,
          .expn = true,
          .pipe_connect = true,
          .auth = {"PLAIN", "LOGIN"},
          .chunking = true,
          .binary_mime = true,
          .starttls = true,
          .xclient = true,
          .smtputf8 = true,
          .requiretls = true,
          .messages_per_connection = 10};
}

constexpr std::string_view kFirst =
    "\nSIZE 50\nLIMITS MAILMAX=10 RCPTMAX=3\n8BITMIME\n"
    "DSN\nETRN\nVRFY\nEXPN\nPIPELINING\nPIPECONNECT\n"
    "AUTH PLAIN LOGIN\nCHUNKING\nBINARYMIME\n";
constexpr std::string_view kXclient =
    "XCLIENT ADDR NAME PORT LOGIN DESTADDR DESTPORT\n";

TEST(Dialogue, RX1_RQ1_ListsAllItKnowsInTheirOrder) {
  Server server(everything());
  EXPECT_EQ(server.say("EHLO me").text,
            "mx Hello me [192.0.2.1]" + std::string(kFirst) + "STARTTLS\n" +
                std::string(kXclient) + "SMTPUTF8\nENHANCEDSTATUSCODES\nHELP");
}

TEST(Dialogue, TL4_RQ2_XC11_ListsRequiretlsAndNoStarttlsInTls) {
  Server server(everything());
  server.dialogue.tls_started();
  EXPECT_EQ(server.say("EHLO me").text,
            "mx Hello me [192.0.2.1]" + std::string(kFirst) + std::string(kXclient) +
                "SMTPUTF8\nREQUIRETLS\nENHANCEDSTATUSCODES\nHELP");
  server.dialogue.identity_changed("192.0.2.7", false);
  EXPECT_FALSE(server.say("EHLO me").text.contains("STARTTLS"));
}

TEST(Dialogue, RX16_ListsTheLimitsItKeeps) {
  Server server({.hostname = "mx",
                 .recipient_limit = 1,
                 .limits = true,
                 .messages_per_connection = 2});
  EXPECT_TRUE(server.say("EHLO me").text.contains("\nLIMITS MAILMAX=2 RCPTMAX=1\n"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 250);
    EXPECT_EQ(server.say("RCPT TO:<a@b>").code, 250);
    EXPECT_EQ(server.say("RCPT TO:<c@b>").code, 452);
    EXPECT_EQ(server.say("DATA").code, 354);
  }
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 421);
  EXPECT_TRUE(server.dialogue.over());
  Server boundless({.hostname = "mx", .limits = true});
  EXPECT_FALSE(boundless.say("EHLO me").text.contains("LIMITS"));
}

TEST(Dialogue, GreetsByTheNameThatWasFound) {
  Server server;
  server.dialogue.peer_name("client.example");
  EXPECT_EQ(server.say("HELO me").text, "mx.example Hello client.example [192.0.2.1]");
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
  const auto always = {helo, ehlo, data,     noop,    vrfy,
                       expn, etrn, starttls, xclient, unknown};
  for (Verb verb : always) EXPECT_TRUE(server.dialogue.must_be_last(verb));
  for (Verb verb : {mail, rcpt, rset})
    EXPECT_TRUE(server.dialogue.must_be_last(verb));  // nothing was advertised yet
  server.say("EHLO me");
  for (Verb verb : always) EXPECT_TRUE(server.dialogue.must_be_last(verb));
  for (Verb verb : {mail, rcpt, rset, quit, help, bdat, auth})
    EXPECT_FALSE(server.dialogue.must_be_last(verb));
}

TEST(Dialogue, TL1_EnforcesSynchronyBehindStarttlsInAnyCase) {
  Server server({.hostname = "mx", .enforce_sync = false});
  EXPECT_EQ(server.dialogue.out_of_sync(Verb::noop, true), std::nullopt);
  EXPECT_EQ(server.dialogue.early_input(), std::nullopt);
  EXPECT_EQ(server.dialogue.out_of_sync(Verb::starttls, true)->code, 554);
  EXPECT_EQ(server.dialogue.notquit_reason(), "synchronization-error");
}

TEST(Dialogue, AdvertisesWhatItOfferedThenAndNotNow) {
  Server server;
  server.say("EHLO me");
  Offer offer = server.dialogue.offer();
  offer.pipelining = false;
  server.dialogue.offer(offer);
  EXPECT_FALSE(server.dialogue.must_be_last(Verb::mail));
  EXPECT_FALSE(server.say("EHLO me").text.contains("PIPELINING"));
  EXPECT_TRUE(server.dialogue.must_be_last(Verb::mail));
}

TEST(Dialogue, PC1_PC3_TakesEarlyInputOfOneShapeOnly) {
  using enum Verb;
  for (Verb verb : {ehlo, mail, rcpt, data, bdat, auth, starttls}) {
    Server server(everything());
    EXPECT_EQ(server.dialogue.early_input(), std::nullopt);
    bool last = verb == data || verb == auth || verb == starttls;
    EXPECT_EQ(server.dialogue.out_of_sync(verb, true).has_value(), last);
  }
  for (Verb verb : {helo, noop, rset, quit, help, vrfy, xclient, unknown}) {
    Server server(everything());
    server.dialogue.early_input();
    EXPECT_EQ(server.dialogue.out_of_sync(verb, false)->code, 554);
    Server patient(everything());
    patient.dialogue.early_input();
    patient.dialogue.caught_up();
    EXPECT_EQ(patient.dialogue.out_of_sync(verb, false), std::nullopt);
  }
}

TEST(Dialogue, PC4_RefusesEarlyInputThatIsNotOffered) {
  Server server;
  EXPECT_EQ(server.dialogue.early_input()->code, 554);
  EXPECT_TRUE(server.dialogue.over());
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

TEST(Dialogue, RefusesAllOfAMessageWithTooManyRecipientsIfTold) {
  Server server(
      {.hostname = "mx", .recipient_limit = 1, .recipients_max_reject = true});
  server.begin();
  EXPECT_EQ(server.say("RCPT TO:<3@b>").code, 552);
  EXPECT_EQ(server.say("DATA").code, 554);
  server.say("RSET");
  server.begin();
  EXPECT_EQ(server.say("DATA").code, 354);
}

TEST(Dialogue, CountsRecipientsForThePolicy) {
  Server server;
  server.policy = [](std::string_view line) -> std::optional<Reply> {
    if (line.contains("later")) return Reply{451, "4.3.0", "later"};
    if (line.contains("no")) return Reply{550, "5.1.1", "no"};
    return std::nullopt;
  };
  server.begin();
  for (const char* line : {"RCPT TO:<later@b>", "RCPT TO:<no1@b>", "RCPT TO:<no2@b>",
                           "RCPT TO:<malformed>", "RCPT TO:<ok@b>"})
    server.say(line);
  const Transaction& transaction = server.dialogue.transaction();
  EXPECT_EQ(transaction.rcpt_count, 6u);
  EXPECT_EQ(transaction.rcpt_defer_count, 1u);
  EXPECT_EQ(transaction.rcpt_fail_count, 3u);
  EXPECT_EQ(transaction.recipients.size(), 2u);
}

struct Said {
  std::string_view line;
  int code;
};

// What EHLO did not list is not implemented, to this client.
TEST(Dialogue, JudgesParametersByWhatWasListed) {
  const Said mails[] = {
      {"MAIL FROM:<a@b> SIZE=1", 250},
      {"MAIL FROM:<a@b> BODY=8BITMIME", 250},
      {"MAIL FROM:<a@b> BODY=BINARYMIME", 250},
      {"MAIL FROM:<a@b> RET=FULL ENVID=x", 250},
      {"MAIL FROM:<a@b> AUTH=<>", 250},
      {"MAIL FROM:<a@b> SMTPUTF8", 250},
      {"MAIL FROM:<\xc3\xbc@b> SMTPUTF8", 250},
      {"MAIL FROM:<a@b> REQUIRETLS", 250},
  };
  for (const auto& [line, code] : mails) {
    Server server(everything());
    server.dialogue.tls_started();
    server.say("EHLO me");
    EXPECT_EQ(server.say(line).code, code) << line;
    Server old(everything());
    old.say("HELO me");
    EXPECT_EQ(old.say(line).code, 555) << line;
    EXPECT_EQ(old.dialogue.errors(), 1u) << line;
    Server poor({.hostname = "mx", .eight_bit_mime = false});
    poor.say("EHLO me");
    bool always = line.contains("SIZE");
    EXPECT_EQ(poor.say(line).code, always ? 250 : 555) << line;
  }
  Server no_binary({.hostname = "mx"});
  no_binary.say("EHLO me");
  EXPECT_EQ(no_binary.say("MAIL FROM:<a@b> BODY=BINARYMIME").code, 501);
}

TEST(Dialogue, JudgesParametersOfRcptToo) {
  for (bool dsn : {true, false})
    for (const char* line : {"RCPT TO:<a@b> NOTIFY=NEVER", "RCPT TO:<a@b> ORCPT=x;y"}) {
      Server server({.hostname = "mx", .dsn = dsn});
      server.begin();
      EXPECT_EQ(server.say(line).code, dsn ? 250 : 555) << line;
    }
}

TEST(Dialogue, WantsSmtputf8ForAddressesBeyondAscii) {
  Server server({.hostname = "mx", .dsn = true, .smtputf8 = true});
  server.say("EHLO me");
  EXPECT_EQ(server.say("MAIL FROM:<\xc3\xbc@b>"), standard(Standard::need_smtputf8));
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 250);
  EXPECT_EQ(server.say("RCPT TO:<\xc3\xbc@b>").code, 553);
  EXPECT_EQ(server.say("RCPT TO:<a@b> ORCPT=utf-8;\xc3\xbc@b").code, 553);
  server.say("RSET");
  EXPECT_EQ(server.say("MAIL FROM:<a@b> SMTPUTF8").code, 250);
  EXPECT_EQ(server.say("RCPT TO:<\xc3\xbc@b> ORCPT=utf-8;\xc3\xbc@b").code, 250);
}

TEST(Dialogue, RQ3_RefusesRequiretlsInTheClear) {
  Server server(everything());
  server.say("EHLO me");
  EXPECT_EQ(server.say("MAIL FROM:<a@b> REQUIRETLS"),
            standard(Standard::unknown_parameter));
}

TEST(Dialogue, RQ6_TurnsRetFullIntoHdrsUnderRequiretls) {
  Server server(everything());
  server.dialogue.tls_started();
  server.say("EHLO me");
  server.say("MAIL FROM:<a@b> RET=FULL REQUIRETLS");
  EXPECT_EQ(server.dialogue.transaction().params.ret, DsnReturn::headers);
}

TEST(Dialogue, TakesNamesForHeloAsTheHostIsTrusted) {
  Server strict;
  Server chars({.hostname = "mx", .helo_allow_chars = "_"});
  Server junk({.hostname = "mx", .helo_accept_junk = true});
  EXPECT_EQ(strict.say("EHLO a_b").code, 501);
  EXPECT_EQ(chars.say("EHLO a_b").code, 250);
  EXPECT_EQ(chars.say("EHLO a b").code, 501);
  EXPECT_EQ(junk.say("EHLO ?? \xfc").code, 250);
  EXPECT_EQ(junk.say("EHLO").code, 501);
}

TEST(Dialogue, TakesMailWithoutHeloIfTold) {
  Server server({.hostname = "mx", .require_helo = false});
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 250);
}

TEST(Dialogue, TL2_TL3_ForgetsEverythingWhenTlsStarts) {
  Server server(everything());
  server.say("EHLO me");
  EXPECT_EQ(server.say("AUTH PLAIN AA==").code, 235);
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 250);
  EXPECT_EQ(server.say("STARTTLS").code, 220);
  EXPECT_FALSE(server.dialogue.in_transaction());
  server.dialogue.tls_started();
  EXPECT_FALSE(server.dialogue.authenticated());
  EXPECT_EQ(server.dialogue.helo_name(), "");
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 503);
  server.say("EHLO me");
  EXPECT_EQ(server.say("RCPT TO:<a@b>").code, 503);
  EXPECT_EQ(server.say("STARTTLS"), standard(Standard::tls_active));
}

TEST(Dialogue, StaysAsItWasIfTlsIsNotToBeHad) {
  Server server(everything());
  server.policy = [](std::string_view line) -> std::optional<Reply> {
    if (line == "STARTTLS") return standard(Standard::tls_unavailable);
    return std::nullopt;
  };
  server.begin();
  EXPECT_EQ(server.say("STARTTLS").code, 454);
  EXPECT_EQ(server.say("DATA").code, 354);
}

TEST(Dialogue, TL5_SpeaksOnlyOfQuitAfterAFailedHandshake) {
  Server server(everything());
  server.say("EHLO me");
  server.say("STARTTLS");
  server.dialogue.only_quit(standard(Standard::tls_failed));
  EXPECT_EQ(server.say("EHLO me").code, 554);
  EXPECT_EQ(server.say("BOGUS").code, 554);
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 554);
  EXPECT_EQ(server.say("QUIT").code, 221);
}

TEST(Dialogue, WantsWhatWasNotListedNowhere) {
  for (const char* line : {"STARTTLS", "AUTH PLAIN", "BDAT 5 LAST"}) {
    Server server;
    server.say("EHLO me");
    EXPECT_EQ(server.say(line), standard(Standard::not_offered)) << line;
    Server old(everything());
    old.say("HELO me");
    EXPECT_EQ(old.say(line), standard(Standard::not_offered)) << line;
  }
}

TEST(Dialogue, TakesAuthOnceAndOutsideOfATransaction) {
  Server server(everything());
  server.say("EHLO me");
  EXPECT_EQ(server.say("AUTH GSSAPI").code, 504);
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 250);
  EXPECT_EQ(server.say("AUTH PLAIN"), standard(Standard::in_transaction));
  server.say("RSET");
  server.policy = [](std::string_view) { return standard(Standard::bad_credentials); };
  EXPECT_EQ(server.say("AUTH PLAIN").code, 535);
  server.policy = [](std::string_view) { return std::optional<Reply>(); };
  EXPECT_EQ(server.say("AUTH login").code, 235);
  EXPECT_EQ(server.say("AUTH PLAIN"), standard(Standard::already_authenticated));
  Server secret({.hostname = "mx", .auth_unadvertised = true});
  secret.say("EHLO me");
  Offer offer = secret.dialogue.offer();
  offer.auth = {"PLAIN"};
  secret.dialogue.offer(offer);
  EXPECT_EQ(secret.say("AUTH PLAIN").code, 235);
}

TEST(Dialogue, XC1_RefusesXclientOfStrangersWith550) {
  Server server;
  // Who may use it is asked at EHLO.
  EXPECT_EQ(server.say("XCLIENT ADDR=192.0.2.7"), standard(Standard::need_hello));
  EXPECT_FALSE(server.say("EHLO me").text.contains("XCLIENT"));
  EXPECT_EQ(server.say("XCLIENT ADDR=192.0.2.7"), standard(Standard::xclient_refused));
}

TEST(Dialogue, XC3_StartsAgainAsSomebodyElse) {
  Server server(everything());
  EXPECT_EQ(server.say("XCLIENT ADDR=192.0.2.7").code, 503);
  server.say("EHLO me");
  EXPECT_EQ(server.say("XCLIENT ADDR=192.0.2.7").code, 220);
  server.dialogue.identity_changed("192.0.2.7", true);
  EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 503);
  EXPECT_TRUE(server.say("EHLO you").text.starts_with("mx Hello you [192.0.2.7]\n"));
  EXPECT_EQ(server.say("AUTH PLAIN").code, 503);
  server.dialogue.identity_changed("192.0.2.8", false);
  server.say("EHLO you");
  EXPECT_EQ(server.say("AUTH PLAIN").code, 235);
}

TEST(Dialogue, XC4_RefusesXclientInATransactionThatStays) {
  Server server(everything());
  server.begin();
  EXPECT_EQ(server.say("XCLIENT ADDR=192.0.2.7"), standard(Standard::in_transaction));
  EXPECT_EQ(server.say("DATA").code, 354);
}

TEST(Dialogue, TakesAMessageInChunks) {
  Server server(everything());
  server.begin();
  EXPECT_EQ(server.say("BDAT 20").text, "20 byte chunk received");
  EXPECT_TRUE(server.chunk && server.chunk->kept && server.chunk->size == 20);
  EXPECT_TRUE(server.dialogue.in_chunks());
  EXPECT_EQ(server.say("NOOP").code, 250);
  EXPECT_EQ(server.say("BDAT 0"), standard(Standard::empty_chunk));
  EXPECT_EQ(server.say("BDAT 30").code, 250);
  EXPECT_EQ(server.say("BDAT 0 LAST").code, 250);
  EXPECT_FALSE(server.dialogue.in_transaction() || server.dialogue.in_chunks());
  EXPECT_EQ(server.say("BDAT 5 LAST").code, 503);
  EXPECT_TRUE(server.chunk && !server.chunk->kept && server.chunk->size == 5);
}

TEST(Dialogue, AllowsNothingElseBetweenChunks) {
  for (const char* line : {"DATA", "MAIL FROM:<a@b>", "RCPT TO:<a@b>", "EHLO me",
                           "HELP", "BOGUS", "STARTTLS", "AUTH PLAIN"}) {
    Server server(everything());
    server.begin();
    server.say("BDAT 5");
    int code = std::string_view(line) == "BOGUS" ? 500 : 503;
    EXPECT_EQ(server.say(line).code, code) << line;
    EXPECT_EQ(server.say("BDAT 5 LAST"), standard(Standard::need_reset)) << line;
    EXPECT_TRUE(server.chunk && !server.chunk->kept);
    EXPECT_EQ(server.say("MAIL FROM:<a@b>").code, 503) << line;
    EXPECT_EQ(server.say("RSET").code, 250);
    server.begin();
    EXPECT_EQ(server.say("BDAT 5 LAST").code, 250) << line;
  }
}

TEST(Dialogue, RX13_ForgetsTheChunksAtRset) {
  Server server(everything());
  server.begin();
  server.say("BDAT 5");
  EXPECT_EQ(server.say("RSET").code, 250);
  EXPECT_FALSE(server.dialogue.in_transaction() || server.dialogue.in_chunks());
  server.begin();
  EXPECT_EQ(server.say("BDAT 50 LAST").code, 250);  // the limit counts anew
}

TEST(Dialogue, RX12_DoesNotMixDataAndBdat) {
  Server server(everything());
  server.begin();
  server.say("BDAT 5");
  EXPECT_EQ(server.say("DATA").code, 503);
  server.say("RSET");
  server.begin();
  server.policy = [](std::string_view line) -> std::optional<Reply> {
    if (line == "DATA") return Reply{550, "5.7.1", "not by predata"};
    return std::nullopt;
  };
  EXPECT_EQ(server.say("DATA").code, 550);
  EXPECT_EQ(server.say("BDAT 5 LAST"), standard(Standard::need_data));
  EXPECT_TRUE(server.chunk && !server.chunk->kept);
  Server binary(everything());
  binary.begin(" BODY=BINARYMIME");
  EXPECT_EQ(binary.say("DATA").code, 503);
}

TEST(Dialogue, RX11_ComparesTheSumOfChunksWithTheLimit) {
  for (const char* line : {"BDAT 51", "BDAT 4294967295 LAST"}) {
    Server server(everything());  // takes 50
    server.begin();
    EXPECT_EQ(server.say(line), standard(Standard::message_too_big)) << line;
    bool huge = std::string_view(line) != "BDAT 51";
    EXPECT_EQ(server.dialogue.over(), huge) << line;
    EXPECT_EQ(server.chunk->size, huge ? 0u : 51u) << line;
    EXPECT_FALSE(server.chunk->kept) << line;
  }
  Server server(everything());
  server.begin();
  EXPECT_EQ(server.say("BDAT 30").code, 250);
  EXPECT_EQ(server.say("BDAT 21 LAST").code, 552);
  EXPECT_TRUE(server.chunk && !server.chunk->kept);
  EXPECT_EQ(server.say("BDAT 1 LAST").code, 503);
}

// Its payload would be read as commands.
TEST(Dialogue, RX11_ClosesBehindABdatThatNobodyUnderstands) {
  for (const char* line : {"BDAT -1", "BDAT 3x LAST", "BDAT", "BDAT 5 LASTX",
                           "BDAT 99999999999 LAST", "BDAT 18446744073709551615 LAST"}) {
    Server server(everything());
    server.begin();
    EXPECT_EQ(server.say(line), standard(Standard::bad_parameter)) << line;
    EXPECT_TRUE(server.dialogue.over()) << line;
  }
}

TEST(Dialogue, TakesNoMoreChunksOnceOneWasRefused) {
  Server server(everything());
  server.begin();
  server.policy = [](std::string_view) { return standard(Standard::no_space); };
  EXPECT_EQ(server.say("BDAT 5").code, 452);
  EXPECT_EQ(server.say("BDAT 5"), standard(Standard::need_reset));
  EXPECT_EQ(server.say("BDAT 5 LAST"), standard(Standard::need_reset));
  EXPECT_EQ(server.dialogue.errors(), 0u);  // they were pipelined
}

TEST(Dialogue, AnswersQuestionsAboutAddressesWithNothing) {
  for (bool offered : {true, false}) {
    Server server(
        {.hostname = "mx", .etrn = offered, .vrfy = offered, .expn = offered});
    EXPECT_EQ(server.say("VRFY a").code, 252);
    EXPECT_EQ(server.say("EXPN a").code, offered ? 252 : 550);
    EXPECT_EQ(server.say("ETRN a").code, offered ? 250 : 458);
    EXPECT_FALSE(server.say("HELP").text.contains("BDAT"));
  }
}

TEST(Dialogue, HelpsWithWhatItOffers) {
  Server server(everything());
  EXPECT_TRUE(server.say("HELP").text.ends_with("HELP BDAT STARTTLS AUTH"));
  server.dialogue.tls_started();
  EXPECT_TRUE(server.say("HELP").text.ends_with("HELP BDAT AUTH"));
}

TEST(Dialogue, CountsCommandsThatBringNoMail) {
  Server server({.hostname = "mx", .nonmail_limit = 2});
  EXPECT_EQ(server.say("EHLO me").code, 250);  // free
  EXPECT_EQ(server.say("RSET").code, 250);     // free
  EXPECT_EQ(server.say("NOOP").code, 250);
  EXPECT_EQ(server.say("RSET").code, 250);
  server.say("MAIL FROM:<a@b>");
  EXPECT_EQ(server.say("RSET").code, 250);  // free, for this message
  EXPECT_EQ(server.say("HELP"), standard(Standard::too_many_nonmail));
  EXPECT_TRUE(server.dialogue.over());
  EXPECT_EQ(server.dialogue.notquit_reason(), "bad-commands");
}

TEST(Dialogue, CountsAuthFromTheSecondOnAndHelloOnceMoreInTls) {
  Offer offer = everything();
  offer.nonmail_limit = 1;
  Server server(offer);
  server.policy = [](std::string_view line) -> std::optional<Reply> {
    if (line.starts_with("AUTH")) return standard(Standard::bad_credentials);
    return std::nullopt;
  };
  server.say("EHLO me");
  EXPECT_EQ(server.say("STARTTLS").code, 220);
  server.dialogue.tls_started();
  EXPECT_EQ(server.say("EHLO me").code, 250);
  EXPECT_EQ(server.say("AUTH PLAIN").code, 535);
  EXPECT_EQ(server.say("AUTH PLAIN").code, 535);
  EXPECT_EQ(server.say("AUTH PLAIN").code, 554);
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
