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
            "begin retry\n* * F,2h,10m\n") {
    site.kind = qrunner::Site::Kind::smtp;
    site.transport = policy->transports.data();
    seeker.waiting = waiting;
  }

  hints::HostItem item(const Candidate& host) const {
    return qrunner::host_item(site, host.name, host.endpoint.address,
                              host.endpoint.port);
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
