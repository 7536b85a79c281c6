// SPDX-License-Identifier: Apache-2.0
#include "utils/top_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using base::BoardPage;
using base::Cell;
using testing::HasSubstr;
using testing::Not;
using utils::Key;
using utils::Process;
using utils::TopScreen;

const base::Time kNow{std::chrono::seconds(1'795'221'689)};

double seconds_ago(double span) {
  return 1'795'221'689 - span;
}

Process process(std::vector<BoardPage::Row> rows, long pid = 42) {
  Process run{"run", pid, kNow - std::chrono::minutes(5), {}};
  run.page.written = kNow;
  run.page.facts = {{"queue", std::string()}, {"rate", 12.25},     {"ready", 30.0},
                    {"deferred", 0.0},        {"rest_sites", 2.0}, {"rest_ready", 7.0},
                    {"rest_open", 0.0}};
  run.page.columns = {"number", "site",   "ready",  "open", "window",
                      "rate",   "oldest", "paused", "pace", "last_reply"};
  run.page.rows = std::move(rows);
  return run;
}

BoardPage::Row site(double number, const std::string& name, double ready,
                    bool paused = false, Cell pace = {}) {
  return {number,
          name,
          ready,
          2.0,
          3.5,
          8.0,
          seconds_ago(60 * number),
          paused,
          pace,
          std::string("250 OK\x1b")};
}

Process receiver(long pid = 41) {
  Process one{"receive", pid, kNow - std::chrono::hours(3), {}};
  one.page.written = kNow;
  one.page.facts = {{"queue", std::string()}, {"draining", true},
                    {"rate", 0.01},           {"open", 3.0},
                    {"limit", Cell()},        {"awaiting_disk", 1.0},
                    {"bytes", 123456789.0},   {"refused_4xx", 0.0}};
  one.page.columns = {"address",  "open",  "sessions",    "rate",
                      "accepted", "bytes", "refused_4xx", "refused_5xx"};
  one.page.rows = {{std::string("0.0.0.0:25"), 3.0, 7.0, 2.0, 5.0, 12345.0, 0.0, 1.0}};
  return one;
}

Key key(char character) {
  return {Key::Kind::character, character};
}

TEST(BoardTable, SaysWhatIsNotNothing) {
  Process run = process({site(1, "a.example", 10)});
  std::string table = utils::format_table({&run, 1}, kNow);
  EXPECT_THAT(table, HasSubstr("run 42  since 5m  rate 12.2  ready 30\n"));
  EXPECT_THAT(table, HasSubstr("  a.example "));
  EXPECT_THAT(table, HasSubstr("250 OK\\033"));
  EXPECT_THAT(table, HasSubstr("... and 2 sites: 7 ready, 0 open\n"));
}

TEST(BoardTable, ShowsAReceiverByItsAddresses) {
  Process both[] = {receiver(), process({site(1, "a.example", 10)})};
  std::string table = utils::format_table(both, kNow);
  EXPECT_THAT(
      table,
      HasSubstr(
          "receive 41  since 3h  draining  open 3  awaiting disk 1  bytes 118M\n"
          "  LISTENING ON                    OPEN  SESSIONS   RATE/S  ACCEPTED   BYTES"
          "      4XX      5XX\n"
          "  0.0.0.0:25                         3         7      2.0         5     12K"
          "        0        1\n"
          "run 42 "));
  std::string json;
  utils::append_json(json, both[0]);
  EXPECT_THAT(json, HasSubstr(R"({"kind":"receive","pid":41,"since":"2026-)"));
  EXPECT_THAT(json, HasSubstr(R"("draining":true,"rate":0.01,"open":3,"limit":null,)"));
  EXPECT_THAT(json, HasSubstr(R"("table":[{"address":"0.0.0.0:25","open":3,)"));
}

TEST(BoardTable, TellsProgramsAllOfIt) {
  Process run = process({site(1, "a.example", 10)});
  std::string json;
  utils::append_json(json, run);
  EXPECT_THAT(json, HasSubstr(R"({"kind":"run","pid":42,"since":"2026-)"));
  EXPECT_THAT(json, HasSubstr(R"("queue":"","rate":12.25,"ready":30,)"));
  EXPECT_THAT(json,
              HasSubstr(R"("site":"a.example","ready":10,"open":2,"window":3.5)"));
  EXPECT_THAT(json, HasSubstr(R"("paused":false,"pace":null,)"));
  EXPECT_THAT(json, HasSubstr(R"("oldest":"2026-)"));
}

TEST(BoardTable, SortsByAnyColumn) {
  struct Row {
    std::string column, order;
  };
  for (const Row& row : std::vector<Row>{{"ready", "231"}, {"oldest", "321"}}) {
    Process run = process({site(1, "a", 1), site(2, "b", 30), site(3, "c", 20)});
    utils::sort_rows(run.page, row.column);
    std::string order;
    for (const auto& one : run.page.rows)
      order += std::to_string(static_cast<int>(std::get<double>(one[0])));
    EXPECT_EQ(order, row.order) << row.column;
  }
}

TEST(TopScreen, AKeyIsAWishForTheSelectedSite) {
  TopScreen screen("ready");
  screen.see({process({site(1, "a", 10), site(2, "b", 20, true), site(3, "c", 5)})});
  using Wish = TopScreen::Wish;
  EXPECT_EQ(screen.press(key('p')), (Wish{42, "resume 2"}));  // the first by ready
  EXPECT_EQ(screen.press({Key::Kind::down, 0}), std::nullopt);
  EXPECT_EQ(screen.press(key('p')), (Wish{42, "pause 1"}));
  EXPECT_EQ(screen.press(key('-')), (Wish{42, "pace 4 1"}));
  EXPECT_EQ(screen.press(key('+')), (Wish{42, "pace 16 1"}));
  for (char c : std::string("n2.x5")) EXPECT_EQ(screen.press(key(c)), std::nullopt);
  EXPECT_EQ(screen.press(key('\r')), (Wish{42, "pace 2.5 1"}));
  for (char c : std::string("n7\x1b")) EXPECT_EQ(screen.press(key(c)), std::nullopt);
  EXPECT_EQ(screen.press(key('\r')), std::nullopt);
  // It stays selected though it is last now.
  screen.see({process({site(1, "a", 1), site(2, "b", 20), site(3, "c", 5)})});
  EXPECT_EQ(screen.press(key('p')), (Wish{42, "pause 1"}));
  EXPECT_FALSE(screen.quits());
  EXPECT_EQ(screen.press(key('q')), std::nullopt);
  EXPECT_TRUE(screen.quits());
}

TEST(TopScreen, NothingSelectedIsNoWish) {
  TopScreen screen("ready");
  screen.see({});
  for (char c : std::string("p+-n5\r")) EXPECT_EQ(screen.press(key(c)), std::nullopt);
  auto drawing = screen.draw(5, kNow);
  ASSERT_EQ(drawing.lines.size(), 5U);
  EXPECT_THAT(drawing.lines[0], HasSubstr("is at work"));
}

TEST(TopScreen, OnlySitesAreSelected) {
  TopScreen screen("ready");
  screen.see({receiver()});
  EXPECT_EQ(screen.press(key('p')), std::nullopt);
  screen.see({receiver(), process({site(1, "a", 10), site(2, "b", 20)}), receiver(43)});
  EXPECT_EQ(screen.press(key('p')), (TopScreen::Wish{42, "pause 2"}));
  auto drawing = screen.draw(20, kNow);
  EXPECT_THAT(drawing.lines[drawing.selected], HasSubstr("  b "));
  for (int i = 0; i < 5; ++i) (void)screen.press({Key::Kind::down, 0});
  EXPECT_EQ(screen.press(key('p')), (TopScreen::Wish{42, "pause 1"}));
}

TEST(TopScreen, TheSelectedLineIsInSight) {
  TopScreen screen("ready");
  std::vector<BoardPage::Row> rows;
  for (int i = 1; i <= 100; ++i)
    rows.push_back(site(i, "site" + std::to_string(i), 200 - i));
  screen.see({process(rows)});
  auto drawing = screen.draw(10, kNow);
  ASSERT_EQ(drawing.lines.size(), 10U);
  EXPECT_THAT(drawing.lines[drawing.selected], HasSubstr("site1 "));
  for (int i = 0; i < 5; ++i) (void)screen.press({Key::Kind::page_down, 0});
  drawing = screen.draw(10, kNow);
  ASSERT_LT(drawing.selected, 9U);
  EXPECT_THAT(drawing.lines[drawing.selected], HasSubstr("site51 "));
  EXPECT_THAT(drawing.lines.back(), HasSubstr("q quit"));
  screen.tell("no such site");
  EXPECT_EQ(screen.draw(10, kNow).lines.back(), "no such site");
}

TEST(Terminal, TakesKeysApart) {
  struct Row {
    std::string bytes;
    std::vector<Key> keys;
    std::string left;
  };
  const std::vector<Row> rows = {
      {"qp", {key('q'), key('p')}, ""},
      {"\x1b[Ax\x1b[B", {{Key::Kind::up, 0}, key('x'), {Key::Kind::down, 0}}, ""},
      {"\x1b[6~\x1bOA", {{Key::Kind::page_down, 0}, {Key::Kind::up, 0}}, ""},
      {"\x1b[1;5Cq", {key('q')}, ""},
      {"\x1b[1;", {}, "\x1b[1;"},
      {"\x1b", {key('\x1b')}, ""}};
  for (const Row& row : rows) {
    std::string bytes = row.bytes;
    std::vector<Key> keys;
    while (auto one = utils::take_key(bytes)) keys.push_back(*one);
    EXPECT_EQ(keys, row.keys) << row.bytes;
    EXPECT_EQ(bytes, row.left);
  }
}

}  // namespace
