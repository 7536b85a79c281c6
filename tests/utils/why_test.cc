// SPDX-License-Identifier: Apache-2.0
#include "utils/why.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spoolfmt/queued.h"
#include "tests/utils/small_spool.h"

namespace {

using hints::RetryRecord;
using testing::HasSubstr;
using testing::Not;
using utils::Evidence;
using utils::RecipientState;
using utils::Remembered;
using Kind = RecipientState::Kind;
using namespace std::chrono_literals;

const base::Time kReceived{1'795'221'689s};
const base::Time kNow = kReceived + 2h;

spoolfmt::Queued queued_of(const spoolfmt::HFile& file) {
  spoolfmt::Queued queued;
  std::string stem = file.id.str();
  std::ranges::copy(stem, queued.entry.stem_bytes.begin());
  queued.entry.stem_size = static_cast<std::uint8_t>(stem.size());
  queued.h_text = format_h_file(file);
  queued.d_size = 100;
  return queued;
}

RetryRecord record(std::chrono::seconds next, const std::string& text) {
  RetryRecord record;
  record.failure.text = text;
  record.first = kNow - 1h;
  record.last = kNow - 10min;
  record.next = kNow + next;
  record.attempts = 3;
  return record;
}

// What is said of bob@One.example, and until when he waits.
TEST(Why, ARecipientWaitsForWhatIsRememberedOfIt) {
  struct Row {
    std::string what, log;
    std::vector<Remembered> records;
    Kind kind;
    std::chrono::seconds wait{};
  };
  const std::string failed =
      "2026-11-21 00:42:00 H=mx.one.example [192.0.2.1]:26 Connection refused\n"
      "2026-11-21 00:42:00 bob@One.example R=dns T=smtp defer (111): Connection "
      "refused\n";
  const std::string two_hosts =
      "2026-11-21 00:42:00.123 +0000 H=a [192.0.2.1] Connection timed out\n"
      "2026-11-21 00:42:00.123 +0000 H=b [2001:db8::1] Connection refused\n";
  const std::vector<Row> rows = {
      {"nothing known", "", {}, Kind::fresh},
      {"strangers",
       "",
       {{"R:two.example", record(1h, "x")},
        {"T:mx.two.example:192.0.2.9", record(1h, "x")},
        {"R:bob@one.example:<other@sender.example>", record(1h, "x")}},
       Kind::fresh},
      {"its domain", "", {{"R:one.example", record(1h, "x")}}, Kind::waiting, 1h},
      {"its address",
       "",
       {{"R:bob@one.example", record(30min, "x")}},
       Kind::waiting,
       30min},
      {"its address and sender",
       "",
       {{"R:bob@one.example:<alice@sender.example>", record(30min, "x")}},
       Kind::waiting,
       30min},
      {"the time has come", "", {{"R:one.example", record(-1min, "x")}}, Kind::due},
      {"the latest counts",
       "",
       {{"R:one.example", record(1h, "x")}, {"R:bob@one.example", record(2h, "x")}},
       Kind::waiting,
       2h},
      {"a host that was tried",
       failed,
       {{"T:mx.one.example:192.0.2.1:26", record(15min, "x")}},
       Kind::waiting,
       15min},
      {"another message there",
       failed,
       {{"T:mx.one.example:192.0.2.1:26:1xUYvK-0004Zh-3D", record(15min, "x")}},
       Kind::due},
      {"this message there",
       failed,
       {{"T:mx.one.example:192.0.2.1:26:1xUYvJ-0004Zg-2C", record(15min, "x")}},
       Kind::waiting,
       15min},
      {"a host, whatever its address",
       failed,
       {{"T:mx.one.example:26", record(15min, "x")}},
       Kind::waiting,
       15min},
      {"this message there, whatever its address",
       failed,
       {{"T:mx.one.example:26:1xUYvJ-0004Zg-2C", record(15min, "x")}},
       Kind::waiting,
       15min},
      {"the first of two hosts",
       two_hosts,
       {{"T:a:192.0.2.1", record(1h, "x")}, {"T:b:[2001:db8::1]", record(20min, "x")}},
       Kind::waiting,
       20min},
      {"one of two hosts is free",
       two_hosts,
       {{"T:a:192.0.2.1", record(1h, "x")}},
       Kind::due},
      {"tried, and nothing remembered", failed, {}, Kind::due}};
  spoolfmt::Queued queued = queued_of(utils_test::message());
  spoolfmt::read_h_file(queued.h_text, queued.entry.h_name(), queued.h);
  for (const Row& row : rows) {
    Evidence evidence{queued, row.log, false, row.records, kNow};
    auto states = utils::recipient_states(evidence);
    ASSERT_EQ(states.size(), 2U);
    EXPECT_EQ(states[0].kind, row.kind) << row.what;
    if (row.kind != Kind::waiting) continue;
    EXPECT_EQ(states[0].until, kNow + row.wait) << row.what;
  }
}

TEST(Why, SaysItInSentences) {
  spoolfmt::HFile file = utils_test::message();
  file.set_value("frozen", std::to_string(1'795'221'689 + 3600));
  file.mark_delivered({"carol@two.example"});
  spoolfmt::Queued queued = queued_of(file);
  queued.d_size.reset();
  spoolfmt::read_h_file(queued.h_text, queued.entry.h_name(), queued.h);
  const std::string log =
      "2026-11-21 00:42:00 bob@One.example R=dns T=smtp defer (-44) H=mx [192.0.2.1]: "
      "SMTP error from remote mail server after RCPT TO:<bob@One.example>: 451 4.2.1 "
      "later\n";
  const std::vector<Remembered> records = {
      {"R:bob@one.example:<alice@sender.example>", record(30min, "451 4.2.1 later")}};
  Evidence evidence{queued, log, true, records, kNow};
  std::string text = utils::explain(evidence, nullptr);
  for (const char* part :
       {"From <alice@sender.example>, received 2h ago (2026-11-21T",
        "1 of 2 recipients are still to get it.", "no -D file",
        "Another process works on it", "It is frozen since 60m ago (2026-11-21T",
        "bob@One.example waits until 2026-11-21T", "for another 30m.",
        "451 4.2.1 later; 3 attempts since 60m ago", "the last 10m ago",
        "carol@two.example is done.", "last in its log: bob@One.example R=dns"})
    EXPECT_THAT(text, HasSubstr(part));
  std::string json = utils::explain_json(evidence, nullptr);
  for (const char* part :
       {R"("frozen":true)", R"("locked":true,"body":false)",
        R"({"address":"bob@One.example","state":"waiting","until":"2026-11-21T)",
        R"("text":"451 4.2.1 later","attempts":3)",
        R"({"address":"carol@two.example","state":"done","until":null)"})
    EXPECT_THAT(json, HasSubstr(part));
}

TEST(Why, ADamagedMessageIsToldAsFarAsItIsKnown) {
  utils_test::SmallSpool spool;
  spool.put("input/" + std::string(utils_test::kId) + "-H", "nonsense\n");
  spool.put("input/" + std::string(utils_test::kOtherId) + "-D", "x");
  auto end = spool.run("explain", {std::string(utils_test::kId)});
  EXPECT_EQ(end.status, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("It is damaged"));
  EXPECT_THAT(end.out, Not(HasSubstr("received")));
  end = spool.run("explain", {std::string(utils_test::kOtherId)});
  EXPECT_EQ(end.status, 65);
  EXPECT_THAT(end.err, HasSubstr("without an envelope"));
  EXPECT_EQ(spool.run("explain", {"1xUYvJ-0004Zg-99"}).status, 66);
}

}  // namespace
