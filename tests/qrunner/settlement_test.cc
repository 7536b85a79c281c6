// SPDX-License-Identifier: Apache-2.0
#include "qrunner/settlement.h"

#include <gtest/gtest.h>

namespace {

using qrunner::Peer;
using qrunner::Site;
using smtp::Reply;

const Reply kOk{250, "", "OK"};
const Reply kGo{354, "", "go"};
const Reply kLater{450, "4.2.1", "later"};
const Reply kNever{550, "5.1.1", "nobody"};
using Kind = smtp::Breakdown::Kind;
const smtp::Breakdown kClosed{.kind = Kind::closed, .stage = "DATA"};

// Recipients a@x and b@x: "d" delivered, or the number of the deferral.
struct Row {
  const char* what;
  smtp::Outcome outcome;
  std::vector<std::string> fates;
  bool unknown = false, lost = false;
};

TEST(Settlement, FollowsTheReplies) {
  smtp::Envelope envelope;
  envelope.sender = "s@x";
  envelope.recipients = {{"a@x"}, {"b@x"}};
  using O = smtp::Outcome;
  const std::optional<Reply> none;
  const std::vector<Row> rows = {
      {"all well", O{kOk, {kOk, kOk}, kGo, {kOk}, true}, {"d", "d"}},
      {"Q60: one refused for now",
       O{kOk, {kOk, kLater}, kGo, {kOk}, true},
       {"d", "-44"}},
      {"one refused for good", O{kOk, {kNever, kOk}, kGo, {kOk}, true}, {"-44", "d"}},
      {"MAIL refused", O{kLater}, {"-45", "-45"}},
      {"DATA refused", O{kOk, {kOk, kOk}, kLater}, {"-46", "-46"}},
      {"dot refused", O{kOk, {kOk, kLater}, kGo, {kNever}, true}, {"-46", "-44"}},
      {"Q27: a lone dot, even if it is taken",
       O{kOk, {kNever, kLater}, kGo, {kOk}, true},
       {"-44", "-44"}},
      {"lost before RCPT was answered",
       O{kOk, {kOk}, none, {}, false, kClosed},
       {"-18", "-18"},
       false,
       true},
      {"lost after the dot",
       O{kOk, {kOk, kNever}, kGo, {}, true, kClosed},
       {"-18", "-44"},
       true,
       true},
  };
  for (const Row& row : rows) {
    auto settlement = qrunner::settle(envelope, row.outcome);
    std::vector<std::string> fates(2);
    for (std::size_t i : settlement.delivered) fates[i] += "d";
    for (const auto& [i, trouble] : settlement.deferred)
      fates[i] += std::to_string(trouble.number);
    EXPECT_EQ(fates, row.fates) << row.what;
    EXPECT_EQ(settlement.unknown_outcome, row.unknown) << row.what;
    EXPECT_EQ(settlement.connection_lost, row.lost) << row.what;
  }
}

TEST(Settlement, TellsTroubleInEximsWords) {
  struct Case {
    smtp::Breakdown lost;
    int number;
    std::string system_text, text;
  };
  const std::string start = "initial connection";
  for (const Case& row :
       {Case{{.kind = Kind::unreachable, .system_error = 111},
             111,
             "Connection refused",
             ""},
        Case{{.kind = Kind::timeout, .stage = start},
             110,
             "Connection timed out",
             "SMTP timeout after initial connection"},
        Case{
            {.kind = Kind::refused, .stage = start, .reply = Reply{554, "", "go away"}},
            0,
            "",
            "SMTP error from remote mail server after initial connection: 554 go away"},
        Case{{.kind = Kind::closed, .stage = start},
             -18,
             "",
             "Remote host closed connection in response to initial connection"},
        Case{{.kind = Kind::tls_failed, .detail = "x"},
             -37,
             "",
             "TLS handshake failed: x"}}) {
    auto trouble = qrunner::connection_trouble(row.lost);
    EXPECT_EQ(trouble.number, row.number) << row.text;
    EXPECT_EQ(trouble.system_text, row.system_text);
    EXPECT_EQ(trouble.text, row.text);
  }
}

TEST(Settlement, WritesEximsLines) {
  const Site site{"mx.example", {}, "smarthost", "remote_smtp"};
  const Peer first{"mx.example", "192.0.2.1", false, true};
  const Peer later{"mx.example", "192.0.2.1", true, true};
  EXPECT_EQ(qrunner::delivery_text("a@x", site, first, "250 OK"),
            "a@x R=smarthost T=remote_smtp H=mx.example [192.0.2.1] C=\"250 OK\"");
  // Q33: the asterisk; Q79: quotes and backslashes in C=.
  EXPECT_EQ(qrunner::delivery_text("a@x", site, later, R"(250 "q" \n)"),
            "a@x R=smarthost T=remote_smtp H=mx.example [192.0.2.1]* "
            R"(C="250 \"q\" \\n")");
  EXPECT_LE(qrunner::delivery_text("a@x", site, first, std::string(5000, '"')).size(),
            1200U);
  EXPECT_EQ(qrunner::deferral_text("a@x", site, &first, {-44, "", "why"}),
            "a@x R=smarthost T=remote_smtp defer (-44) H=mx.example [192.0.2.1]: why");
  EXPECT_EQ(
      qrunner::deferral_text("a@x", site, nullptr, {111, "Connection refused", ""}),
      "a@x R=smarthost T=remote_smtp defer (111): Connection refused");
  EXPECT_EQ(qrunner::host_line(first, {111, "Connection refused", ""}),
            "H=mx.example [192.0.2.1] Connection refused");
  EXPECT_EQ(qrunner::host_line(first, {110, "Connection timed out", "SMTP timeout"}),
            "H=mx.example [192.0.2.1]: SMTP timeout: Connection timed out");
}

}  // namespace
