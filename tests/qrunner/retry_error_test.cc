// SPDX-License-Identifier: Apache-2.0
#include "qrunner/retry_error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace {

using policy::covers;
using policy::format_retry_error;
using policy::parse_retry_error;
using qrunner::retry_error;
using qrunner::RetryItem;
using qrunner::Stage;

smtp::Reply reply(int code, std::string enhanced = "") {
  return {code, std::move(enhanced), "text"};
}

}  // namespace

TEST(RetryError, FailuresHaveTheWordsOfRules) {
  struct Row {
    hints::Failure failure;
    std::string_view word;
  };
  for (const Row& row : {
           Row{trouble(Stage::connect, ECONNREFUSED, 'M', ""), "refused_MX"},
           Row{trouble(Stage::connect, ECONNREFUSED, 'A', ""), "refused_A"},
           Row{trouble(Stage::connect, ETIMEDOUT, 'M', ""), "timeout_connect_MX"},
           Row{trouble(Stage::connect, hints::kConnectTimeout, 'A', ""),
               "timeout_connect_A"},
           Row{trouble(Stage::greeting, ETIMEDOUT, 'M', ""), "timeout_MX"},
           Row{trouble(Stage::dot, ETIMEDOUT, 'A', ""), "timeout_A"},
           Row{trouble(Stage::rcpt, hints::kClosed, 'M', ""), "lost_connection"},
           Row{trouble(Stage::mail, ECONNRESET, 'M', ""), "lost_connection"},
           Row{trouble(Stage::tls, hints::kTlsRequired, 'M', ""), "tls_required"},
           Row{trouble(Stage::tls, hints::kTlsFailed, 'M', ""), "tls_required"},
           Row{trouble(Stage::auth, hints::kAuthFailed, 'M', ""), "auth_failed"},
           Row{trouble(Stage::connect, hints::kLookupDeferred, 0, ""), "lookup"},
           Row{trouble(Stage::connect, EHOSTUNREACH, 'M', ""), "*"},
           Row{trouble(Stage::hello, hints::kMalformed, 'M', ""), "*"},
           Row{trouble(Stage::dot, hints::kQuota, 0, ""), "quota"},
           Row{refusal(Stage::mail, reply(451), 'M', ""), "mail_451"},
           Row{refusal(Stage::rcpt, reply(450), 'M', ""), "rcpt_450"},
           Row{refusal(Stage::data, reply(452), 'M', ""), "data_452"},
           Row{refusal(Stage::dot, reply(421), 'M', ""), "data_421"},
           Row{refusal(Stage::auth, reply(454), 'M', ""), "auth_failed"},
           Row{refusal(Stage::greeting, reply(421), 'M', ""), "*"},
       })
    EXPECT_EQ(format_retry_error(retry_error(row.failure)), row.word);
}

TEST(RetryError, Q55_RulesCoverWhatTheyName) {
  auto rule = [](std::string_view word) { return *parse_retry_error(word); };
  for (int code : {451, 452})
    EXPECT_TRUE(covers(rule("rcpt_45x"),
                       retry_error(refusal(Stage::rcpt, reply(code), 'M', ""))));
  EXPECT_FALSE(
      covers(rule("rcpt_45x"), retry_error(refusal(Stage::rcpt, reply(421), 'M', ""))));
  EXPECT_TRUE(covers(rule("timeout_connect_MX"),
                     retry_error(trouble(Stage::connect, ETIMEDOUT, 'M', ""))));
  EXPECT_FALSE(covers(rule("timeout_connect_MX"),
                      retry_error(trouble(Stage::greeting, ETIMEDOUT, 'M', ""))));
}

TEST(RetryError, AFailureIsTheSameAfterARunAsInIt) {
  // What a rule is chosen by must survive the record.
  for (const auto& failure : {refusal(Stage::rcpt, reply(450, "4.2.0"), 'M', "a"),
                              trouble(Stage::connect, ETIMEDOUT, 'A', "b"),
                              trouble(Stage::greeting, ETIMEDOUT, 'M', "c")}) {
    hints::RetryRecord record;
    record.failure = failure;
    auto read = hints::parse_retry_record(format_retry_record(record));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->failure, failure);
    EXPECT_EQ(format_retry_error(retry_error(read->failure)),
              format_retry_error(retry_error(failure)));
  }
}

TEST(RetryError, Q60_Q61_Q62_TheStageSaysWhoWaits) {
  struct Row {
    Stage stage;
    hints::Failure failure;
    RetryItem item;
  };
  auto lost = [](Stage stage) { return trouble(stage, hints::kClosed, 'M', ""); };
  auto late = [](Stage stage) { return trouble(stage, ETIMEDOUT, 'M', ""); };
  auto said = [](Stage stage, int code) {
    return refusal(stage, reply(code), 'M', "");
  };
  using enum Stage;
  int row = 0;
  for (const Row& each : {
           Row{connect, late(connect), RetryItem::host},
           Row{connect, trouble(connect, ECONNREFUSED, 'M', ""), RetryItem::host},
           Row{greeting, said(greeting, 421), RetryItem::host},
           Row{greeting, said(greeting, 554), RetryItem::host},
           Row{hello, said(hello, 450), RetryItem::host},
           Row{tls, trouble(tls, hints::kTlsFailed, 'M', ""), RetryItem::host},
           Row{auth, said(auth, 454), RetryItem::host},
           Row{mail, said(mail, 451), RetryItem::message},
           Row{mail, said(mail, 421), RetryItem::host},
           Row{mail, late(mail), RetryItem::message},
           Row{mail, lost(mail), RetryItem::host},
           Row{mail, trouble(mail, hints::kNeedsUtf8, 'M', ""), RetryItem::message},
           Row{rcpt, said(rcpt, 450), RetryItem::address},
           Row{rcpt, said(rcpt, 421), RetryItem::host},
           Row{rcpt, late(rcpt), RetryItem::address},
           Row{rcpt, lost(rcpt), RetryItem::host},
           Row{data, said(data, 451), RetryItem::message},
           Row{data, late(data), RetryItem::host},
           Row{data, lost(data), RetryItem::host},
           Row{dot, said(dot, 451), RetryItem::message},
           Row{dot, said(dot, 421), RetryItem::message},
           Row{dot, late(dot), RetryItem::message},
           Row{dot, lost(dot), RetryItem::message},
       })
    EXPECT_EQ(item_that_waits(each.stage, each.failure), each.item) << row++;
}
