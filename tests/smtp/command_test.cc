// SPDX-License-Identifier: Apache-2.0
#include "smtp/command.h"

#include <gtest/gtest.h>

#include <limits>

namespace smtp {
namespace {

struct Row {
  std::string line;
  int refusal;  // 0: understood
  Verb verb;
};

TEST(Command, IsReadByItsGrammar) {
  const Row rows[] = {
      {"HELO client.example", 0, Verb::helo},
      {"ehlo [192.0.2.1]", 0, Verb::ehlo},
      {"EHLO [IPv6:::1]", 0, Verb::ehlo},
      {"EhLo  my-host. ", 0, Verb::ehlo},
      {"EHLO", 501, Verb::ehlo},
      {"EHLO under_score", 501, Verb::ehlo},
      {"EHLO two words", 501, Verb::ehlo},
      {"EHLO [nonsense]", 501, Verb::ehlo},
      {"MAIL FROM:<>", 0, Verb::mail},
      {"mail from:<a@b>", 0, Verb::mail},
      {"MAIL FROM:  <a@b>  ", 0, Verb::mail},
      {"MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME", 0, Verb::mail},
      {"MAIL FROM:<a@b>\tbody=7bit", 0, Verb::mail},
      {"MAIL", 501, Verb::mail},
      {"MAIL FROM", 501, Verb::mail},
      {"MAIL FROM:", 501, Verb::mail},
      {"MAIL FROM :<a@b>", 501, Verb::mail},
      {"MAIL  FROM:<a@b>", 501, Verb::mail},
      {"MAIL FROM:a@b", 501, Verb::mail},
      {"MAIL FROM:<a>", 501, Verb::mail},
      {"MAIL TO:<a@b>", 501, Verb::mail},
      {"MAIL FROM:<a@b>SIZE=1", 501, Verb::mail},
      {"MAIL FROM:<a@b> SIZE=", 501, Verb::mail},
      {"MAIL FROM:<a@b> SIZE", 501, Verb::mail},
      {"MAIL FROM:<a@b> SIZE=1x", 501, Verb::mail},
      {"MAIL FROM:<a@b> SIZE=-1", 501, Verb::mail},
      {"MAIL FROM:<a@b> SIZE=1 SIZE=1", 501, Verb::mail},
      {"MAIL FROM:<a@b> BODY=BINARYMIME", 501, Verb::mail},
      {"MAIL FROM:<a@b> BODY=7BIT BODY=7BIT", 501, Verb::mail},
      {"MAIL FROM:<a@b> =x", 501, Verb::mail},
      {"MAIL FROM:<a@b> X=\x01", 501, Verb::mail},
      {"MAIL FROM:<a@b> RET=HDRS", 555, Verb::mail},
      {"MAIL FROM:<a@b> SMTPUTF8", 555, Verb::mail},
      {"RCPT TO:<a@b>", 0, Verb::rcpt},
      {"RCPT TO:<Postmaster>", 0, Verb::rcpt},
      {"RCPT TO:<\"a > b\"@c>", 0, Verb::rcpt},
      {"RCPT TO:<>", 501, Verb::rcpt},
      {"RCPT TO:<a@b> NOTIFY=NEVER", 555, Verb::rcpt},
      {"DATA", 0, Verb::data},
      {"DATA ", 0, Verb::data},
      {"DATA now", 501, Verb::data},
      {"RSET", 0, Verb::rset},
      {"RSET x", 501, Verb::rset},
      {"NOOP", 0, Verb::noop},
      {"NOOP anything at all", 0, Verb::noop},
      {"QUIT", 0, Verb::quit},
      {"QUIT x", 501, Verb::quit},
      {"VRFY someone", 0, Verb::vrfy},
      {"VRFY", 501, Verb::vrfy},
      {"HELP", 0, Verb::help},
      {"help mail", 0, Verb::help},
      {"", 500, Verb::unknown},
      {"   ", 500, Verb::unknown},
      {"DATAX", 500, Verb::unknown},
      {"BDAT 5", 500, Verb::unknown},
      {std::string(kLongestCommand + 1, 'x'), 500, Verb::unknown},
  };
  for (const Row& row : rows) {
    auto command = parse_command(row.line);
    EXPECT_EQ(command ? 0 : command.error().code, row.refusal) << row.line;
    EXPECT_EQ(verb_of(std::string_view(row.line)), row.verb) << row.line;
    if (command) {
      EXPECT_EQ(verb_of(*command), row.verb) << row.line;
    }
  }
}

TEST(Command, RX14_RefusesNulWith501) {
  for (std::string line : {"NOOP", "MAIL FROM:<a@b>", "DATA", "XXXX"}) {
    line += '\0';
    auto command = parse_command(line);
    ASSERT_FALSE(command);
    EXPECT_EQ(command.error().code, 501);
  }
}

TEST(Command, CarriesWhatWasSaid) {
  auto mail =
      std::get<Mail>(*parse_command("MAIL FROM:<A@b> size=18446744073709551615"));
  EXPECT_EQ(mail.sender.text(), "A@b");
  EXPECT_EQ(mail.params.size, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(mail.params.body, BodyType::unsaid);
  EXPECT_EQ(std::get<Rcpt>(*parse_command("RCPT TO:<@x:c@d>")).recipient.text(), "c@d");
  EXPECT_EQ(std::get<Ehlo>(*parse_command("EHLO me")).name, "me");
}

// RFC 1870 section 4: up to 20 digits; more than 64 bits hold is just too big.
TEST(Params, TakesTwentyDigitsOfSize) {
  EXPECT_EQ(parse_mail_params(" SIZE=99999999999999999999")->size,
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(parse_mail_params(" SIZE=000000000000000000001"));
}

}  // namespace
}  // namespace smtp
