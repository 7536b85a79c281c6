// SPDX-License-Identifier: Apache-2.0
#include "receiver/header_section.h"

#include <gtest/gtest.h>

namespace {

using receiver::HeaderSection;

struct Split {
  std::string headers;  // as -H has them: "023F From: ..."
  std::string body;
  std::uint64_t lines = 0;
};

Split split(std::string_view message, std::size_t step) {
  HeaderSection section;
  Split result;
  for (std::size_t i = 0; i < message.size(); i += step)
    section.feed(message.substr(i, step), result.body);
  for (const auto& header : section.headers())
    result.headers += std::string(1, header.type) + " " + header.text;
  result.lines = section.lines();
  return result;
}

// Every row was given to Exim 4.96 by SMTP, and this is what it stored.
struct Row {
  const char* what;
  std::string message, headers, body;
};
const Row kRows[] = {
    {"usual", "Subject: x\n\nbody\n", "  Subject: x\n", "body\n"},
    {"empty fold at the end", "Subject: x   \n \t \n\nb\n", "  Subject: x   \n", "b\n"},
    {"empty folds, one inside", "Subject: x\n \n y\n  \n \nTo: a\n\nb\n",
     "  Subject: x\n \n y\nT To: a\n", "b\n"},
    {"nothing but an empty fold", "Subject:\n \n\nb\n", "  Subject:\n", "b\n"},
    {"mbox line", "From a@b Mon\nSubject: x\n\nb\n", "",
     "From a@b Mon\nSubject: x\n\nb\n"},
    {"blank before the colon", "Subject : x\n\nb\n", "  Subject : x\n", "b\n"},
    {"blank in the name", "Subject: x\nFoo bar: x\n\nb\n", "  Subject: x\n",
     "Foo bar: x\n\nb\n"},
    {"tab in the name", "A\tB: x\n\nb\n", "", "A\tB: x\n\nb\n"},
    {"no name at all", ": empty\n\nb\n", "  : empty\n", "b\n"},
    {"8-bit name", "Su\xe9ject: x\n\nb\n", "  Su\xe9ject: x\n", "b\n"},
    {"blank at the start", " lead\nSubject: x\n\nb\n", "", " lead\nSubject: x\n\nb\n"},
    {"no headers", "\nfirst\n", "", "first\n"},
    {"no body", "Subject: x\n", "  Subject: x\n", ""},
    {"no colon", "nocolon\n cont\nSubject: x\n\nb\n", "",
     "nocolon\n cont\nSubject: x\n\nb\n"},
    {"nothing", "", "", ""},
    {"two empty lines", "A: 1\n\n\n", "  A: 1\n", "\n"},
    {"NULs", std::string("A: \0b\0\n\n\0\n", 10), "  A: ?b?\n", std::string("\0\n", 2)},
    {"types", "From: a\nCC: b\nReply-to: c\nRECEIVED: d\nBcc: e\nSender: f\n\n",
     "F From: a\nC CC: b\nR Reply-to: c\nP RECEIVED: d\nB Bcc: e\nS Sender: f\n", ""},
    {"first id counts", "Message-ID: <1>\nMessage-Id: <2>\n\n",
     "I Message-ID: <1>\n  Message-Id: <2>\n", ""},
    {"resent id counts",
     "Message-ID: <1>\nResent-To: q@z\nResent-Message-ID: <4>\nResent-message-ID: <5>"
     "\n\n",
     "  Message-ID: <1>\nT Resent-To: q@z\nI Resent-Message-ID: <4>\n"
     "  Resent-message-ID: <5>\n",
     ""},
    {"left by a delivery", "Return-Path: <r>\nEnvelope-To: t\nDelivery-date: now\n\n",
     "* Return-Path: <r>\n* Envelope-To: t\n* Delivery-date: now\n", ""},
};

TEST(HeaderSection, SplitsAsEximDoesHoweverItIsCut) {
  for (const Row& row : kRows) {
    for (std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3},
                             std::size_t{7}, std::size_t{1000}}) {
      SCOPED_TRACE(std::string(row.what) + ", step " + std::to_string(step));
      Split got = split(row.message, step);
      EXPECT_EQ(got.headers, row.headers);
      EXPECT_EQ(got.body, row.body);
    }
  }
}

TEST(HeaderSection, CountsItsLinesWithTheEmptyOne) {
  EXPECT_EQ(split("A: 1\n 2\n\nb\nc\n", 100).lines, 3U);
  EXPECT_EQ(split("A: 1\nno header\n", 100).lines, 1U);
}

TEST(HeaderSection, RX25_KeepsNoMoreThanItsLimit) {
  HeaderSection section;
  std::string body;
  const std::string line = "X: " + std::string(996, 'x') + "\n";
  for (int i = 0; i < 5000; ++i) section.feed(line, body);
  EXPECT_TRUE(section.too_large());
  EXPECT_TRUE(body.empty());
  EXPECT_TRUE(section.headers().empty());
}

TEST(HeaderSection, RX25_AnEndlessFirstLineIsTooLarge) {
  HeaderSection section;
  std::string body;
  for (int i = 0; i < 2000; ++i) section.feed(std::string(1000, 'x'), body);
  EXPECT_TRUE(section.too_large());
}

TEST(HeaderSection, GivesTheLogAnIdThatIsOneWord) {
  struct IdRow {
    std::string header, id;
  };
  for (const auto& [header, id] :
       {IdRow{"Message-ID: <a@b>\n", "a@b"}, IdRow{"Message-ID:\n <a@b>\n", "a@b"},
        IdRow{"Message-ID: a@b\n", "a@b"}, IdRow{"Message-ID:  <a b@c>  \n", ""},
        IdRow{"Message-ID:\n", ""}, IdRow{"Subject: x\n", ""}}) {
    HeaderSection section;
    std::string body;
    section.feed(header + "\n", body);
    EXPECT_EQ(receiver::message_id_of(section.headers()), id) << header;
  }
}

}  // namespace
