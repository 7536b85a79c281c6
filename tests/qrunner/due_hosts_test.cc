// SPDX-License-Identifier: Apache-2.0
#include "qrunner/due_hosts.h"

#include <gtest/gtest.h>

#include "tests/qrunner/retry_world.h"

namespace {

using namespace std::chrono_literals;
using qrunner::Candidate;
using qrunner::DueHosts;
using qrunner::may_try;

class DueHostsTest : public testing::Test, protected RetryWorld {
 protected:
  DueHostsTest()
      : RetryWorld(
            "begin transports\nremote:\n  driver = smtp\n"
            "by_name:\n  driver = smtp\n  no_retry_include_ip_address\n"
            "asking:\n  driver = smtp\n"
            "  retry_include_ip_address = ${if eq{$host/$host_address}"
            "{mx1.example/192.0.2.9} {no}{maybe}}\n"
            "begin retry\n* * F,2h,10m\n") {
    site.kind = qrunner::Site::Kind::smtp;
    site.transport = policy->transports.data();
    seeker.waiting = waiting;
  }

  hints::HostItem item(const Candidate& host) {
    return qrunner::host_item(site, host.name, host.endpoint, book());
  }
  void fail_host(const Candidate& host) {
    book().failed(qrunner::host_subject(item(host), seeker.address), {},
                  seeker.waiting);
  }
  void fail_message(const Candidate& host) {
    book().failed(
        qrunner::message_subject(item(host), seeker.id.text(), seeker.address), {},
        seeker.waiting);
  }
  std::vector<Candidate> due() { return due_hosts(both, site, seeker, book()).hosts; }

  qrunner::Site site;
  const Candidate first{"mx1.example", {"192.0.2.1", 25}},
      second{"mx2.example", {"192.0.2.2", 25}};
  const std::vector<Candidate> both{first, second};
  qrunner::Seeker seeker{
      *spoolfmt::MessageId::parse("1xUYvJ-0004Zg-2C"), "a@x.example", {}};
};

TEST_F(DueHostsTest, WhoHasNoRecordIsDue) {
  EXPECT_EQ(due(), both);
}

TEST_F(DueHostsTest, Q56_AHostThatFailedHoldsEverybodyBackUntilItsTime) {
  fail_host(first);
  EXPECT_EQ(due(), std::vector{second});
  seeker.waiting.first_time = true;
  EXPECT_EQ(due(), std::vector{second});
  clock.advance(11min);
  EXPECT_EQ(due(), both);
}

TEST_F(DueHostsTest, S5_1_AMessageThatAHostPutOffWaitsThereAlone) {
  fail_message(first);
  EXPECT_EQ(due(), std::vector{second});
  seeker.id = *spoolfmt::MessageId::parse("1xUYvJ-0004Zg-2D");
  EXPECT_EQ(due(), both);
}

TEST_F(DueHostsTest, WhoIsConnectedAsksForTheMessageOnly) {
  fail_host(first);
  EXPECT_TRUE(may_try(own_standing_at(first, site, seeker, book())));
  fail_message(first);
  EXPECT_FALSE(may_try(own_standing_at(first, site, seeker, book())));
  seeker.waiting.forced = true;
  EXPECT_TRUE(may_try(own_standing_at(first, site, seeker, book())));
}

TEST_F(DueHostsTest, WithoutTheAddressInItsKeyAHostWaitsAtAllOfThem) {
  const Candidate elsewhere{"mx1.example", {"192.0.2.9", 25}};
  fail_host(first);
  auto tried = [&] { return due_hosts({elsewhere}, site, seeker, book()).hosts; };
  EXPECT_EQ(tried().size(), 1U);
  site.transport = &policy->transports[1];
  EXPECT_EQ(tried().size(), 1U) << "that record was another";
  fail_host(first);
  EXPECT_TRUE(tried().empty());
  EXPECT_EQ(due(), std::vector{second});
  // In the attempt that made it, it does not count.
  Candidate again = elsewhere;
  again.again = true;
  EXPECT_EQ(due_hosts({again}, site, seeker, book()).hosts.size(), 1U);
  fail_message(first);
  EXPECT_TRUE(may_try(own_standing_at(again, site, seeker, book())));
  EXPECT_FALSE(may_try(own_standing_at(elsewhere, site, seeker, book())));
  site.transport = &policy->transports[0];
  EXPECT_EQ(tried().size(), 1U);
}

TEST_F(DueHostsTest, WhichAddressCountsMayBeAskedOfTheHost) {
  site.transport = &policy->transports[2];
  auto apart = [&](const char* address) {
    return book().tells_addresses_apart(*site.transport, "mx1.example", address);
  };
  EXPECT_EQ(apart("192.0.2.9").value(), false);
  ASSERT_FALSE(apart("192.0.2.1"));
  EXPECT_EQ(apart("192.0.2.1").error().text,
            "\"maybe\" is not a valid value for retry_include_ip_address of transport "
            "asking: yes or no");
  const Candidate shared{"mx1.example", {"192.0.2.9", 26}};
  EXPECT_EQ(hints::host_key(item(shared)), "T:mx1.example:26");
  EXPECT_EQ(hints::host_key(item(first)), "T:mx1.example:192.0.2.1");
}

TEST_F(DueHostsTest, Q58_WhenAllHaveFailedForTooLongItIsHopeless) {
  for (int tries = 0; tries < 20; ++tries) {
    fail_host(first);
    fail_host(second);
    clock.advance(10min);
  }
  fail_host(first);
  fail_host(second);
  DueHosts none = due_hosts(both, site, seeker, book());
  EXPECT_TRUE(none.hosts.empty());
  EXPECT_TRUE(none.hopeless);
}

}  // namespace
