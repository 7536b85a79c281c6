// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sink_report.h"

#include <fstream>
#include <stdexcept>

#include "tests/support/temp_dir.h"

namespace {

std::string line(int time, int connection, const std::string& event,
                 const std::string& rest) {
  return "{\"time\":" + std::to_string(time) +
         ",\"connection\":" + std::to_string(connection) + ",\"event\":\"" + event +
         "\"," + rest + "}\n";
}

const std::string kConnect = R"("peer":"127.0.0.1:9","open":1,"refused":false)";
const std::string kMail1 = R"("message":1,"sender":"s@x","code":250)";
const std::string kMail2 = R"("message":2,"sender":"s@x","code":250)";
const std::string kDot1 = R"("message":1,"size":9,"message_id":"<1@x>")";
const std::string kAnswered1 = R"("message":1,"code":250)";

support::SinkEvents read(const std::string& text) {
  support::TempDir dir;
  std::ofstream(dir / "events") << text;
  return support::read_sink_events(dir / "events");
}

TEST(SinkReport, TellsPipeliningFromWaiting) {
  const std::string begin = line(1, 1, "connect", kConnect) +
                            line(2, 1, "mail", kMail1) + line(3, 1, "dot", kDot1);
  auto ahead =
      read(begin + line(4, 1, "mail", kMail2) + line(5, 1, "answered", kAnswered1));
  EXPECT_EQ(support::pipelined(ahead).ahead, 1U);
  EXPECT_EQ(support::pipelined(ahead).followed, 1U);
  EXPECT_EQ(support::dot_times(ahead).at("<1@x>"), 3);
  auto waited =
      read(begin + line(4, 1, "answered", kAnswered1) + line(5, 1, "mail", kMail2) +
           line(6, 1, "close", "\"messages\":1"));
  EXPECT_EQ(support::pipelined(waited).ahead, 0U);
  EXPECT_EQ(support::messages_by_connection(waited).at(1), 1U);
}

TEST(SinkReport, CountsWhoWasOpenAtOnce) {
  auto events =
      read(line(1, 1, "connect", kConnect) + line(1, 2, "connect", kConnect) +
           line(2, 3, "connect", R"("peer":"127.0.0.1:9","open":3,"refused":true)") +
           line(3, 1, "close", "\"messages\":0") + line(4, 4, "connect", kConnect));
  EXPECT_EQ(support::most_open(events), 2U);
}

TEST(SinkReport, RefusesWhatItDoesNotKnow) {
  const std::string start = line(1, 1, "connect", kConnect);
  const std::string faults[] = {
      line(1, 1, "mail", kMail1),                          // before connect
      start + line(0, 1, "mail", kMail1),                  // time goes back
      start + line(2, 1, "hello", "\"message\":1"),        // no such event
      start + line(2, 1, "mail", "\"message\":1"),         // too little
      start + line(2, 1, "mail", kMail1 + ",\"more\":1"),  // too much
      start + "{\"time\":2",                               // half a line
      start + line(2, 1, "close", "\"messages\":0") + line(3, 1, "mail", kMail1),
  };
  for (const std::string& text : faults) EXPECT_THROW(read(text), std::runtime_error);
}

TEST(SinkReport, SaysWhoGotWhatTwice) {
  const std::string once = R"({"messages":2,"duplicates":0,"doubled":[]})";
  EXPECT_TRUE(support::each_once(support::parse_sink_counts(once), 2));
  EXPECT_FALSE(support::each_once(support::parse_sink_counts(once), 3));
  auto twice = support::each_once(support::parse_sink_counts(
                                      R"({"messages":2,"duplicates":1,
              "doubled":[{"recipient":"u@y","message_id":"<1@x>","times":2}]})"),
                                  2);
  EXPECT_FALSE(twice);
  EXPECT_NE(std::string(twice.message()).find("u@y <1@x> 2"), std::string::npos);
}

}  // namespace
