// SPDX-License-Identifier: Apache-2.0
#include "smtp/command.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>

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
      {"EHLO under_score", 0, Verb::ehlo},  // the Dialogue judges the name
      {"EHLO two words", 0, Verb::ehlo},
      {"EHLO a\tb", 501, Verb::ehlo},
      {"EHLO " + std::string(256, 'x'), 501, Verb::ehlo},
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
      {"MAIL FROM:<a@b> BODY=BINARYMIME", 0, Verb::mail},
      {"MAIL FROM:<a@b> BODY=9BIT", 501, Verb::mail},
      {"MAIL FROM:<a@b> BODY=7BIT BODY=7BIT", 501, Verb::mail},
      {"MAIL FROM:<a@b> =x", 501, Verb::mail},
      {"MAIL FROM:<a@b> X=\x01", 501, Verb::mail},
      {"MAIL FROM:<a@b> X=1", 555, Verb::mail},
      {"MAIL FROM:<gr\xc3\xbc\xc3\x9f@b> SMTPUTF8", 0, Verb::mail},
      {"MAIL FROM:<gr\xfc@b> SMTPUTF8", 501, Verb::mail},
      {"RCPT TO:<a@b>", 0, Verb::rcpt},
      {"RCPT TO:<Postmaster>", 0, Verb::rcpt},
      {"RCPT TO:<\"a > b\"@c>", 0, Verb::rcpt},
      {"RCPT TO:<>", 501, Verb::rcpt},
      {"RCPT TO:<a@b> NOTIFY=NEVER", 0, Verb::rcpt},
      {"RCPT TO:<a@b> SIZE=1", 555, Verb::rcpt},
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
      {"EXPN list", 0, Verb::expn},
      {"EXPN", 501, Verb::expn},
      {"ETRN node", 0, Verb::etrn},
      {"STARTTLS", 0, Verb::starttls},
      {"STARTTLS now", 501, Verb::starttls},
      {"AUTH PLAIN", 0, Verb::auth},
      {"auth cram-md5", 0, Verb::auth},
      {"AUTH PLAIN AGEAYg==", 0, Verb::auth},
      {"AUTH", 501, Verb::auth},
      {"AUTH PL/IN", 501, Verb::auth},
      {"AUTH A23456789012345678901", 501, Verb::auth},
      {"AUTH PLAIN a b", 501, Verb::auth},
      {"XCLIENT ADDR=192.0.2.1", 0, Verb::xclient},
      {"XCLIENT", 501, Verb::xclient},
      {"", 500, Verb::unknown},
      {"   ", 500, Verb::unknown},
      {"DATAX", 500, Verb::unknown},
      {"BDAT 5", 0, Verb::bdat},
      {std::string(511, 'x'), 500, Verb::unknown},
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

TEST(Command, RX11_ReadsBdatToTheLetter) {
  struct Size {
    std::string_view line;
    std::optional<std::uint64_t> size;  // nothing: 501 5.5.4
    bool last = false;
  };
  for (const auto& [line, size, last] : {
           Size{"BDAT 0 LAST", 0, true},
           Size{"bdat 17", 17},
           Size{"BDAT 17 last", 17, true},
           Size{"BDAT 17 ", 17},
           Size{"BDAT 007", 7},
           Size{"BDAT 99999999999 LAST", 99999999999, true},
           Size{"BDAT 18446744073709551615", 18446744073709551615u},
           Size{"BDAT 18446744073709551616", std::nullopt},
           Size{"BDAT -1", std::nullopt},
           Size{"BDAT +1", std::nullopt},
           Size{"BDAT 3x LAST", std::nullopt},
           Size{"BDAT 0x10", std::nullopt},
           Size{"BDAT", std::nullopt},
           Size{"BDAT LAST", std::nullopt},
           Size{"BDAT 5 LASTX", std::nullopt},
           Size{"BDAT 5 LAST LAST", std::nullopt},
           Size{"BDAT 5 6", std::nullopt},
           Size{"BDAT  5", std::nullopt},
           Size{"BDAT 5  LAST", std::nullopt},
           Size{"BDAT 5\tLAST", std::nullopt},
       }) {
    auto command = parse_command(line);
    ASSERT_EQ(command.has_value(), size.has_value()) << line;
    if (!command) {
      EXPECT_EQ(command.error(), standard(Standard::bad_parameter)) << line;
      continue;
    }
    EXPECT_EQ(std::get<Bdat>(*command).size, *size) << line;
    EXPECT_EQ(std::get<Bdat>(*command).last, last) << line;
  }
}

TEST(Command, HasTheLengthItsExtensionsGiveIt) {
  struct Length {
    std::string start;
    std::size_t longest;
  };
  for (const auto& [start, longest] : {
           Length{"NOOP ", 510},
           Length{"MAIL FROM:<a@b> AUTH=", 1190},
           Length{"RCPT TO:<a@b> ORCPT=", 1046},
           Length{"AUTH PLAIN ", 12286},
           Length{"XCLIENT NAME=", 510},
           Length{"bogus ", 510},
       }) {
    const Reply too_long = standard(Standard::line_too_long);
    std::string line = start + std::string(longest - start.size(), 'x');
    auto fits = parse_command(line);
    EXPECT_TRUE(fits || fits.error() != too_long) << start;
    auto longer = parse_command(line + "x");
    ASSERT_FALSE(longer) << start;
    EXPECT_EQ(longer.error(), too_long) << start;
  }
}

TEST(Command, TellsAnEmptyInitialResponseFromNone) {
  auto initial = [](std::string_view line) {
    return std::get<Auth>(*parse_command(line)).initial;
  };
  EXPECT_EQ(initial("AUTH PLAIN"), std::nullopt);
  EXPECT_EQ(initial("AUTH PLAIN ="), "");
  EXPECT_EQ(initial("AUTH PLAIN AGE="), "AGE=");
  EXPECT_EQ(std::get<Auth>(*parse_command("auth plain")).mechanism, "PLAIN");
}

TEST(Command, KnowsNamesForHelo) {
  for (const char* name :
       {"client.example", "my-host.", "[192.0.2.1]", "[IPv6:::1]", "-", "1.2.3.4"})
    EXPECT_TRUE(is_hello_name(name)) << name;
  for (const char* name : {"", "under_score", "two words", "[nonsense]", "a/b"})
    EXPECT_FALSE(is_hello_name(name)) << name;
  EXPECT_TRUE(is_hello_name("under_score", "_"));
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

// Policy.md 11, group protocol; as Exim 4.96 answered.
TEST(Command, ArgumentIsWhatFollowsTheName) {
  struct Said {
    std::string_view line, argument;
  };
  for (const Said& row : std::initializer_list<Said>{
           {"MAIL FROM:<a@b.example> SIZE=3", "<a@b.example> SIZE=3"},
           {"mail   from:   <>  ", "<>"},
           {"rcpt to: <x@y.example>", "<x@y.example>"},
           {"RCPT x@y.example", "x@y.example"},
           {"MAIL TO:<a@b.example>", "TO:<a@b.example>"},
           {"VRFY  x y ", "x y"},
           {"EHLO\tc.example", "c.example"},
           {"QUIT", ""},
           {"", ""},
       })
    EXPECT_EQ(command_argument(row.line), row.argument) << row.line;
}

}  // namespace
}  // namespace smtp
