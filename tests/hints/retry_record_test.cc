// SPDX-License-Identifier: Apache-2.0
#include "hints/retry_record.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <random>

namespace {

using hints::Failure;
using hints::RetryRecord;

base::Time at(std::int64_t microseconds) {
  return base::Time(std::chrono::microseconds(microseconds));
}

RetryRecord sample() {
  RetryRecord record;
  record.failure = {.error = hints::kRcptReply,
                    .route = 'M',
                    .connecting = false,
                    .code = 450,
                    .enhanced = {4, 7, 650},
                    .text = "SMTP error from remote mail server: 450 4.7.650 later"};
  record.first = at(1'700'000'000'000'001);
  record.last = at(1'700'000'900'000'002);
  record.next = at(1'700'001'800'000'003);
  record.expired = true;
  record.attempts = 7;
  return record;
}

}  // namespace

TEST(RetryRecord, ReadsWhatItWrote) {
  RetryRecord record = sample();
  EXPECT_EQ(hints::parse_retry_record(format_retry_record(record)), record);
  record.failure = {
      .error = ETIMEDOUT, .route = 'A', .connecting = true, .enhanced = {}, .text = ""};
  record.expired = false;
  EXPECT_EQ(hints::parse_retry_record(format_retry_record(record)), record);
  EXPECT_EQ(hints::parse_retry_record(hints::format_retry_record({})), RetryRecord());
}

TEST(RetryRecord, HasTheBytesOfTheLayout) {
  using namespace std::string_literals;
  RetryRecord record = sample();
  record.failure.text = "ab";
  record.first = at(1);
  record.last = at(2);
  record.next = at(0x0102030405060708 / 1000);
  record.attempts = 0x01020304;
  auto bytes = format_retry_record(record);
  EXPECT_EQ(bytes.substr(0, 24),
            "\x01\x01M\0"s       // version, flags, route
            "\xd4\xff\xff\xff"s  // -44
            "M\x32\0\0"s         // 50 * 256 + 'M'
            "\xc2\x01"s          // 450
            "\x04\x07\x8a\x02"s  // 4.7.650
            "\x04\x03\x02\x01"s  // attempts
            "\x01\0"s);
  EXPECT_EQ(bytes.substr(bytes.size() - 4), "\x02\0ab"s);
  EXPECT_EQ(bytes.size(), 4 + 8 + 6 + 4 + 24 + 4U);
}

TEST(RetryRecord, AnotherLayoutOrDamageIsNoRecord) {
  std::string bytes = format_retry_record(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(hints::parse_retry_record(bytes.substr(0, size))) << size;
  EXPECT_FALSE(hints::parse_retry_record(bytes + "x"));
  bytes[0] = 2;
  EXPECT_FALSE(hints::parse_retry_record(bytes));

  std::mt19937 random(5);
  bytes = format_retry_record(sample());
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    if (auto record = hints::parse_retry_record(damaged)) {
      EXPECT_LE(record->failure.text.size(), hints::kLongestText);
      EXPECT_GE(record->next.time_since_epoch().count(), 0);
    }
  }
}

TEST(RetryRecord, TheTextIsCutAtOneKilobyte) {
  RetryRecord record = sample();
  record.failure.text = std::string(100'000, 'x');
  auto read = hints::parse_retry_record(format_retry_record(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->failure.text, std::string(1024, 'x'));
}

TEST(RetryRecord, MoreErrnoIsWhatEximPacks) {
  struct Row {
    Failure failure;
    std::int32_t more;
  };
  auto failure = [](std::int32_t error, char route, bool connecting, int code) {
    Failure made;
    made.error = error;
    made.route = route;
    made.connecting = connecting;
    made.code = code;
    return made;
  };
  for (const Row& row : {
           Row{failure(hints::kRcptReply, 'M', false, 450), 12877},
           Row{failure(hints::kMailReply, 0, false, 421), 21 << 8},
           Row{failure(hints::kDataReply, 'A', false, 499), (99 << 8) + 65},
           Row{failure(ETIMEDOUT, 'A', true, 0), 0x141},
           Row{failure(ETIMEDOUT, 'M', false, 0), 77},
           Row{failure(ECONNREFUSED, 'A', false, 0), 65},
           Row{failure(hints::kLookupDeferred, 0, false, 0), 0},
       }) {
    EXPECT_EQ(more_errno(row.failure), row.more) << row.failure.error;
    Failure back;
    back.error = row.failure.error;
    take_more_errno(row.more, back);
    EXPECT_EQ(back, row.failure) << row.more;
  }
}

TEST(RetryRecord, EnhancedCodesHaveThreePartsThatFit) {
  for (std::string_view good : {"4.7.1", "5.1.10", "4.7.650", "2.0.0"})
    EXPECT_EQ(format_enhanced_code(hints::parse_enhanced_code(good)), good);
  for (std::string_view bad : {"", "4", "4.7", "4.7.1.2", "4.7.1000", "6.0.0",
                               "4.999.1", "4.7.", "a.b.c", "4..1", "4.7.-1"})
    EXPECT_EQ(format_enhanced_code(hints::parse_enhanced_code(bad)), "") << bad;
}
