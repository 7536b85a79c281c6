// SPDX-License-Identifier: Apache-2.0
#include "qrunner/retry_book.h"

#include <gtest/gtest.h>

#include "qrunner/route_phase.h"
#include "tests/qrunner/retry_world.h"

namespace {

using namespace std::chrono_literals;
using qrunner::RetryItem;
using qrunner::RetrySubject;
using qrunner::Waiting;

TEST(RetrySubjects, HaveEximsKeysAndWhatRulesAreMatchedWith) {
  const hints::HostItem host{"MX.example", "192.0.2.1", 2525, "192.0.2.9"};
  const struct {
    RetrySubject subject;
    RetryItem item;
    std::string key;
    std::string_view address, host;
  } kRows[] = {
      {qrunner::host_subject(host, "a@x.example"), RetryItem::host,
       "T:mx.example:192.0.2.1:2525/192.0.2.9", "a@x.example", "MX.example"},
      {qrunner::message_subject(host, "1xUYvJ-0004Zg-2C", "a@x.example"),
       RetryItem::message, "T:mx.example:192.0.2.1:2525/192.0.2.9:1xUYvJ-0004Zg-2C",
       "a@x.example", "MX.example"},
      {qrunner::domain_subject("a@X.example"), RetryItem::domain, "R:x.example",
       "X.example", ""},
      {qrunner::address_subject("A@X.example"), RetryItem::address, "R:A@x.example",
       "A@X.example", ""},
      {qrunner::recipient_subject("a@x.example", ""), RetryItem::address,
       "R:a@x.example:<>", "a@x.example", ""},
      {qrunner::local_subject("A@X.example", "A@X.example"), RetryItem::local,
       "T:A@x.example", "A@X.example", ""},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(row.subject.item, row.item) << row.key;
    EXPECT_EQ(row.subject.key, row.key);
    EXPECT_EQ(row.subject.address, row.address) << row.key;
    EXPECT_EQ(row.subject.host, row.host) << row.key;
  }
}

class LocalRetries : public testing::Test, protected RetryWorld {
 protected:
  LocalRetries()
      : RetryWorld(R"(
begin transports
boxes:
  driver = appendfile
  maildir_format
shared:
  driver = appendfile
  maildir_format
  retry_use_local_part = false
begin retry
joe@x.example * F,2h,10m
)") {}

  RetrySubject subject(const std::string& address, std::string key, int transport) {
    destination.unique = address;
    destination.key = std::move(key);
    auto which = static_cast<std::size_t>(transport);
    return qrunner::local_subject(destination, policy->transports[which]);
  }

  qrunner::Destination destination;
};

TEST_F(LocalRetries, WaitByTheRuleOfTheAddress) {
  RetrySubject joe = subject("joe@x.example", "joe@x.example", 0);
  EXPECT_TRUE(book().may_deliver(joe, waiting));
  hints::Failure failure;
  failure.text = "Not a directory";
  EXPECT_FALSE(book().failed(joe, failure, waiting));
  EXPECT_FALSE(book().may_deliver(joe, waiting));
  EXPECT_TRUE(book(true).may_deliver(joe, waiting)) << "forced";
  waiting.first_time = true;
  EXPECT_TRUE(book().may_deliver(joe, waiting)) << "nobody tried it";
  waiting.first_time = false;
  clock.advance(10min);
  EXPECT_TRUE(book().may_deliver(joe, waiting)) << "it is time";
  clock.advance(3h);
  EXPECT_TRUE(book().failed(joe, failure, waiting)) << "no tries are left";
  book().succeeded(joe);
  EXPECT_FALSE(book().knows(joe.key));
  // No rule is for anybody else.
  EXPECT_TRUE(
      book().failed(subject("ann@x.example", "ann@x.example", 0), failure, waiting));
}

TEST_F(LocalRetries, AreOfOneWayAnAddressGoesOrOfItsDomain) {
  EXPECT_EQ(subject("joe@x.example", "joe@x.example", 0).key, "T:joe@x.example");
  EXPECT_EQ(subject("joe@x.example", "joe@x.example/boxes", 0).key,
            "T:joe@x.example/boxes");
  EXPECT_EQ(subject("joe@x.example", "joe@x.example", 1).key, "T:x.example");
  EXPECT_EQ(subject("joe@x.example", "joe@x.example", 1).address, "joe@x.example");
}

}  // namespace
