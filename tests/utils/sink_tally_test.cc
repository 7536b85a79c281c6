// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_tally.h"

#include <gtest/gtest.h>

#include "tests/support/sink_report.h"

namespace {

TEST(SinkTally, FindsTheMessageId) {
  const std::pair<const char*, const char*> rows[] = {
      {"Message-ID: <1@x>\n\nbody\n", "<1@x>"},
      {"Subject: s\nmessage-id:<1@x> \n\n", "<1@x>"},
      {"Message-ID:\n <long@x>\nTo: a\n\n", "<long@x>"},
      {"Subject: s\n\nMessage-ID: <in@body>\n", ""},
      {"Message-ID:\n\n", ""},
      {"", ""},
  };
  for (const auto& [message, id] : rows)
    EXPECT_EQ(utils::find_message_id(message), id) << message;
}

TEST(SinkTally, NamesWhatWasDoubled) {
  auto tally = utils::SinkTally::create({});
  ASSERT_TRUE(tally);
  const std::string message = "Message-ID: <1@x>\n\nbody\n";
  ASSERT_TRUE(tally->keep({"c", "h", "s@x", {"a@y", "b@y"}}, message));
  ASSERT_TRUE(tally->keep({"c", "h", "s@x", {"b@y"}}, message));
  ASSERT_TRUE(tally->keep({"c", "h", "s@x", {"b@y"}}, message));
  ASSERT_TRUE(tally->keep({"c", "h", "s@x", {"b@y"}}, "no id\n"));
  auto counts = support::parse_sink_counts(tally->json());
  EXPECT_EQ(counts.number.at("messages"), 4U);
  EXPECT_EQ(counts.number.at("duplicates"), 2U);
  ASSERT_EQ(counts.doubled.size(), 1U);
  EXPECT_EQ(counts.doubled[0].recipient, "b@y");
  EXPECT_EQ(counts.doubled[0].message_id, "<1@x>");
  EXPECT_EQ(counts.doubled[0].times, 3U);
}

}  // namespace
