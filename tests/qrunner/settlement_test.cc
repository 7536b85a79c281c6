// SPDX-License-Identifier: Apache-2.0
#include "qrunner/settlement.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace {

using qrunner::RetryItem;
using qrunner::Verdict;
using smtp::Breakdown;
using smtp::Reply;

const Reply kOk{250, "", "OK"};
const Reply kGo{354, "", "go"};
const Reply kLater{450, "4.2.1", "later"};
const Reply kNever{550, "5.1.1", "nobody"};
const Reply kClosing{421, "4.3.2", "closing"};

Breakdown closed() {
  Breakdown breakdown;
  breakdown.kind = Breakdown::Kind::closed;
  breakdown.stage = "end of data";
  return breakdown;
}

// Recipients a@x and b@x: "d" delivered, "f" failed, or the number of the deferral and
// whose it is.
std::string fate(const Verdict& verdict) {
  switch (verdict.kind) {
    case Verdict::Kind::delivered:
      return "d";
    case Verdict::Kind::failed:
      return "f";
    case Verdict::Kind::untried:
      return "u";
    case Verdict::Kind::elsewhere:
      return "elsewhere";
    case Verdict::Kind::deferred:
      break;
  }
  constexpr const char* kWhose[] = {"host", "message", "domain", "address", "local"};
  return std::to_string(verdict.trouble.number) + " " +
         kWhose[static_cast<std::size_t>(verdict.item)];
}

struct Row {
  const char* what;
  smtp::Outcome outcome;
  std::vector<std::string> fates;
  bool unknown = false, lost = false;
};

smtp::Outcome outcome(std::optional<Reply> mail, std::vector<Reply> rcpt,
                      std::optional<Reply> data, std::vector<Reply> ends,
                      std::optional<Breakdown> lost = {}, bool dot = true) {
  smtp::Outcome made;
  made.mail = std::move(mail);
  made.recipients = std::move(rcpt);
  made.data = std::move(data);
  made.ends = std::move(ends);
  made.lost = std::move(lost);
  made.dot_sent = dot && (!made.ends.empty() || made.lost);
  made.mail_command = "MAIL FROM:<s@x>";
  return made;
}

TEST(Settlement, FollowsTheReplies) {
  smtp::Envelope envelope;
  envelope.sender = "s@x";
  envelope.recipients = {{"a@x"}, {"b@x"}};
  const std::vector<Row> rows = {
      {"all well", outcome(kOk, {kOk, kOk}, kGo, {kOk}), {"d", "d"}},
      {"Q60: 4xx to one is that one's",
       outcome(kOk, {kOk, kLater}, kGo, {kOk}),
       {"d", "-44 address"}},
      {"Q60: 5xx to one fails that one",
       outcome(kOk, {kNever, kOk}, kGo, {kOk}),
       {"f", "d"}},
      {"MAIL put off", outcome(kLater, {}, {}, {}), {"-45 message", "-45 message"}},
      {"Q61: 5xx to MAIL fails all", outcome(kNever, {}, {}, {}), {"f", "f"}},
      {"Q32: 421 is the host's",
       outcome(kClosing, {}, {}, {}),
       {"-45 host", "-45 host"}},
      {"DATA put off",
       outcome(kOk, {kOk, kOk}, kLater, {}),
       {"-46 message", "-46 message"}},
      {"Q61: 5xx to the dot fails who is left",
       outcome(kOk, {kOk, kLater}, kGo, {kNever}),
       {"f", "-44 address"}},
      {"Q27: a lone dot, even if it is taken",
       outcome(kOk, {kNever, kLater}, kGo, {kOk}),
       {"f", "-44 address"}},
      {"lost before RCPT was answered",
       outcome(kOk, {kOk}, {}, {}, closed(), false),
       {"-18 host", "-18 host"},
       false,
       true},
      {"Q62: lost after the dot is unknown, and the message's",
       outcome(kOk, {kOk, kNever}, kGo, {}, closed()),
       {"-18 message", "f"},
       true,
       true},
  };
  for (const Row& row : rows) {
    auto settlement = qrunner::settle(envelope, row.outcome, true);
    std::vector<std::string> fates;
    for (const Verdict& verdict : settlement.verdicts) fates.push_back(fate(verdict));
    EXPECT_EQ(fates, row.fates) << row.what;
    EXPECT_EQ(settlement.unknown_outcome, row.unknown) << row.what;
    EXPECT_EQ(settlement.connection_lost, row.lost) << row.what;
  }
}

TEST(Settlement, TextsHaveEximsWords) {
  smtp::Envelope envelope;
  envelope.sender = "s@x";
  envelope.recipients = {{"a@x"}};
  auto settlement = qrunner::settle(envelope, outcome(kOk, {kLater}, {}, {}), false);
  EXPECT_EQ(settlement.verdicts[0].trouble.text,
            "SMTP error from remote mail server after RCPT TO:<a@x>: 450 4.2.1 later");
  EXPECT_EQ(settlement.verdicts[0].failure.route, 'A');
}

TEST(Settlement, AHostNobodyReachesHasItsErrno) {
  Breakdown refused;
  refused.kind = Breakdown::Kind::unreachable;
  refused.system_error = ECONNREFUSED;
  auto settlement = qrunner::defer_all(2, refused, true);
  ASSERT_EQ(settlement.verdicts.size(), 2U);
  EXPECT_EQ(fate(settlement.verdicts[0]), std::to_string(ECONNREFUSED) + " host");
  EXPECT_EQ(settlement.verdicts[0].trouble.text, "");
  EXPECT_EQ(settlement.verdicts[0].trouble.system_text, "Connection refused");
}

}  // namespace
