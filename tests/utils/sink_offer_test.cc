// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_offer.h"

#include <gmock/gmock.h>

#include "base/text.h"

namespace {

using testing::HasSubstr;
using testing::Not;
using utils::SinkOffer;

std::string said(smtp::Dialogue& dialogue, const SinkOffer& offer,
                 const std::string& line) {
  auto command = smtp::parse_command(line);
  if (!command) return smtp::format_reply(command.error());
  auto refusal = dialogue.refuses(*command);
  if (!refusal) refusal = offer.refuses(*command, dialogue);
  smtp::Reply reply = refusal.value_or(dialogue.usual_answer(*command));
  if (!refusal && line.starts_with("EHLO")) offer.edit(reply);
  dialogue.apply(*command, reply);
  return smtp::format_reply(reply);
}

TEST(SinkOffer, ListsAllButWhatIsHidden) {
  const char* keywords[] = {"SIZE 1000",          "8BITMIME", "DSN",
                            "PIPELINING",         "CHUNKING", "SMTPUTF8",
                            "AUTH PLAIN ",        "STARTTLS", "LIMITS MAILMAX=10",
                            "ENHANCEDSTATUSCODES"};
  for (const std::string hidden : keywords) {
    std::string name = base::lower(hidden.substr(0, hidden.find(' ')));
    auto offer = SinkOffer::create(
        "s.example", 1000,
        {.hidden = {name}, .limits = "MAILMAX=10", .starttls = true, .login = true});
    ASSERT_TRUE(offer) << name;
    smtp::Dialogue dialogue(offer->offer(), "192.0.2.1");
    std::string hello = said(dialogue, *offer, "EHLO c.example");
    for (const std::string keyword : keywords) {
      if (keyword == hidden || (hidden == "8BITMIME" && keyword == "SMTPUTF8"))
        EXPECT_THAT(hello, Not(HasSubstr(keyword)));
      else
        EXPECT_THAT(hello, HasSubstr(keyword)) << "without " << hidden;
    }
  }
}

TEST(SinkOffer, RefusesWhatItHides) {
  const struct {
    const char *keyword, *command, *reply;
  } rows[] = {
      {"SIZE", "MAIL FROM:<a@x> SIZE=10", "555"},
      {"DSN", "MAIL FROM:<a@x> RET=HDRS", "555"},
      {"8BITMIME", "MAIL FROM:<a@x> BODY=8BITMIME", "555"},
      {"SMTPUTF8", "MAIL FROM:<a@x> SMTPUTF8", "555"},
      {"CHUNKING", "BDAT 10 LAST", "503"},
      {"STARTTLS", "STARTTLS", "503"},
  };
  for (const auto& row : rows) {
    auto offer = SinkOffer::create("s", 0, {.hidden = {row.keyword}, .starttls = true});
    smtp::Dialogue dialogue(offer->offer(), "192.0.2.1");
    said(dialogue, *offer, "EHLO c.example");
    EXPECT_THAT(said(dialogue, *offer, row.command), HasSubstr(row.reply))
        << row.command;
  }
}

TEST(SinkOffer, KeepsItsLimitsEvenUnsaid) {
  auto offer = SinkOffer::create(
      "s", 0, {.hidden = {"LIMITS"}, .limits = "MAILMAX=1 RCPTMAX=3 RCPTDOMAINMAX=2"});
  ASSERT_TRUE(offer);
  smtp::Dialogue dialogue(offer->offer(), "192.0.2.1");
  EXPECT_THAT(said(dialogue, *offer, "EHLO c.example"), Not(HasSubstr("LIMITS")));
  const std::pair<const char*, const char*> rows[] = {
      {"MAIL FROM:<a@x>", "250"},
      {"RCPT TO:<a@x>", "250"},
      {"RCPT TO:<b@Y>", "250"},
      {"RCPT TO:<c@z>", "452"},
      {"RCPT TO:<d@y>", "250"},
      {"RCPT TO:<e@x>", "452"},
      {"RSET", "250"},
      {"MAIL FROM:<b@x>", "421"},
  };
  for (const auto& [line, reply] : rows)
    EXPECT_THAT(said(dialogue, *offer, line), testing::StartsWith(reply)) << line;
}

TEST(SinkOffer, WantsALoginBeforeMail) {
  auto offer = SinkOffer::create("s", 0, {.login = true});
  smtp::Dialogue dialogue(offer->offer(), "192.0.2.1");
  said(dialogue, *offer, "EHLO c.example");
  EXPECT_THAT(said(dialogue, *offer, "MAIL FROM:<a@x>"), HasSubstr("530"));
  said(dialogue, *offer, "AUTH PLAIN AGEAYg==");
  EXPECT_THAT(said(dialogue, *offer, "MAIL FROM:<a@x>"), HasSubstr("250"));
}

TEST(SinkOffer, SaysWhatItDoesNotKnow) {
  EXPECT_FALSE(SinkOffer::create("s", 0, {.hidden = {"ETRN"}}));
  for (const char* limits : {"MAILMAX", "MAILMAX=0", "MAILMAX=x", "HOSTMAX=1"})
    EXPECT_FALSE(SinkOffer::create("s", 0, {.limits = limits})) << limits;
}

}  // namespace
