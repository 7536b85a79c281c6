// SPDX-License-Identifier: Apache-2.0
#include "qrunner/request.h"

#include <gtest/gtest.h>

namespace {

using qrunner::Request;

TEST(Request, ReadsTheLettersOfQInTheirPlaces) {
  struct Row {
    std::string letters;
    bool good;
    std::string detail;  // as Exim's start line has it
  };
  for (const Row& row :
       {Row{"", true, "pid=7"}, Row{"q", true, "pid=7 -qq"},
        Row{"i", true, "pid=7 -qi"}, Row{"qif", true, "pid=7 -qqif"},
        Row{"ff", true, "pid=7 -qff"}, Row{"qiffl", true, "pid=7 -qqiffl"},
        Row{"l", true, "pid=7 -ql"}, Row{"qGslow", true, "pid=7 -qq"},
        Row{"iq", false, ""}, Row{"fi", false, ""}, Row{"fff", false, ""},
        Row{"30m", false, ""}, Row{"q1h", false, ""}, Row{"x", false, ""},
        Row{"G", false, ""}, Row{"Gslow/30m", false, ""}}) {
    Request request;
    auto parsed = qrunner::parse_queue_letters(row.letters, request);
    EXPECT_EQ(parsed.has_value(), row.good) << row.letters;
    EXPECT_TRUE(parsed ? qrunner::run_detail(request, 7) == row.detail
                       : parsed.error().code == base::Code::usage)
        << row.letters;
  }
  Request request;
  ASSERT_TRUE(qrunner::parse_queue_letters("qGslow", request));
  EXPECT_EQ(request.queue, "slow");
}

TEST(Request, AnIntervalIsAnsweredWithTheRemedy) {
  Request request;
  auto parsed = qrunner::parse_queue_letters("q15m", request);
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().text.find("cron"), std::string::npos) << parsed.error().text;
}

TEST(Request, Q6_TheFirstAndTheLastIdAreMeant) {
  Request request;
  request.start = "1xUj2S-0003ly-0X";
  request.stop = "1xUj2S-0003lz-0X";
  EXPECT_FALSE(in_range(request, "1xUj2S-0003lx-0X"));
  EXPECT_TRUE(in_range(request, "1xUj2S-0003ly-0X"));
  EXPECT_TRUE(in_range(request, "1xUj2S-0003lz-0X"));
  EXPECT_FALSE(in_range(request, "1xUj2S-0003m0-0X"));
}

spoolfmt::Queued queued(std::string& text, bool frozen) {
  text = "1xUj2S-0003ly-0X-H\nroot 0 0\n<Anna@s.example>\n1795259628 0\n" +
         std::string(frozen ? "-frozen 1795259629\n" : "-deliver_firsttime\n") +
         "NN done@x.example\n2\ndone@x.example\nopen@X.example\n\n011  Subject: x\n";
  spoolfmt::Queued message;
  spoolfmt::read_h_file(text, "1xUj2S-0003ly-0X-H", message.h);
  EXPECT_EQ(message.h.damage, spoolfmt::Damage::none) << message.h.what;
  return message;
}

TEST(Request, Q4_Q5_Q7_ChoosesMessages) {
  using qrunner::Skip;
  struct Row {
    std::string letters, recipient, sender;
    bool frozen;
    Skip skip;
  };
  for (const Row& row :
       {Row{"", "", "", false, Skip::none}, Row{"", "", "", true, Skip::frozen},
        Row{"f", "", "", true, Skip::frozen}, Row{"ff", "", "", true, Skip::none},
        Row{"i", "", "", false, Skip::none}, Row{"iff", "", "", true, Skip::not_asked},
        Row{"", "OPEN@x", "", false, Skip::none},
        Row{"", "done", "", false, Skip::not_asked},
        Row{"", "", "anna", false, Skip::none},
        Row{"", "open", "bert", false, Skip::not_asked}}) {
    Request request;
    ASSERT_TRUE(qrunner::parse_queue_letters(row.letters, request));
    if (!row.recipient.empty())
      request.recipient = *qrunner::parse_selection("", row.recipient, request);
    if (!row.sender.empty())
      request.sender = *qrunner::parse_selection("r", row.sender, request);
    std::string text;
    auto message = queued(text, row.frozen);
    EXPECT_EQ(qrunner::refusal(request, message), row.skip)
        << row.letters << ' ' << row.recipient << ' ' << row.sender;
  }
}

}  // namespace
