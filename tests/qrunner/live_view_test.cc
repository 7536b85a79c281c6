// SPDX-License-Identifier: Apache-2.0
#include "qrunner/live_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "spoolfmt/boards.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace {

using base::BoardPage;
using base::Cell;
using qrunner::LiveView;
using qrunner::Ramp;
using qrunner::Settlement;
using qrunner::Site;
using qrunner::SiteIndex;
using qrunner::Verdict;
using namespace std::chrono_literals;

class LiveViewTest : public testing::Test {
 protected:
  SiteIndex site(const std::string& name) {
    Site site;
    site.kind = Site::Kind::smtp;
    site.name = name;
    site.hosts = {{name, 25, 0}};
    return sites_.index(site);
  }

  void put(SiteIndex site, std::size_t messages) {
    for (std::size_t i = 0; i < messages; ++i) {
      live_.routed(site, received_);
      (void)ramp_.routed(site, id_, now_);
    }
  }

  Cell fact(const BoardPage& page, const std::string& name) {
    for (const auto& [key, value] : page.facts)
      if (key == name) return value;
    return {};
  }

  support::TempDir dir_;
  support::FakeClock clock_;
  base::Time received_ = clock_.now() - 1h;
  spoolfmt::MessageId id_ = *spoolfmt::MessageId::parse("1xUYvJ-0004Zg-2C");
  Ramp::Instant now_{1h};
  Ramp ramp_{{.threshold = Ramp::kInfinite}};
  qrunner::Sites sites_;
  qrunner::Tally tally_;
  LiveView live_{dir_.path(), "", ramp_, sites_, tally_, clock_};
};

TEST_F(LiveViewTest, TellsWhatASiteDoes) {
  SiteIndex one = site("mx.example");
  put(one, 3);
  Verdict delivered;
  delivered.kind = Verdict::Kind::delivered;
  delivered.confirmation = "250 OK";
  Verdict deferred;
  deferred.kind = Verdict::Kind::deferred;
  deferred.reply = smtp::Reply{.code = 451, .enhanced = "", .text = "later\nmuch"};
  live_.settled(one, Settlement{.verdicts = {delivered, delivered, deferred}});
  BoardPage page = live_.page(now_ + 1s);
  ASSERT_EQ(page.rows.size(), 1U);
  const auto& row = page.rows[0];
  ASSERT_EQ(row.size(), page.columns.size());
  EXPECT_EQ(page.at(row, "site"), Cell("mx.example"));
  EXPECT_EQ(page.at(row, "ready"), Cell(3.0));
  EXPECT_EQ(page.at(row, "delivered"), Cell(2.0));
  EXPECT_EQ(page.at(row, "deferred"), Cell(1.0));
  EXPECT_EQ(page.at(row, "last_reply"), Cell("451 later much"));
  EXPECT_EQ(page.at(row, "oldest"),
            Cell(std::chrono::duration<double>(received_.time_since_epoch()).count()));
  EXPECT_GT(std::get<double>(page.at(row, "rate")), 0);
  EXPECT_EQ(fact(page, "ready"), Cell(3.0));
}

TEST_F(LiveViewTest, DoesWhatAnOperatorAsks) {
  SiteIndex one = site("mx.example");
  put(one, 3);
  EXPECT_FALSE(live_.holds());
  struct Row {
    std::string wish;
    bool granted, paused;
    double pace;
  };
  const std::vector<Row> rows = {{"pause MX.example", true, true, 0},
                                 {"pace 2.5 mx.example", true, true, 2.5},
                                 {"resume " + std::to_string(one), true, false, 2.5},
                                 {"pace 0 mx.example", true, false, 0},
                                 {"pause", false, false, 0},
                                 {"pause other.example", false, false, 0},
                                 {"pace mx.example", false, false, 0},
                                 {"pace -1 mx.example", false, false, 0},
                                 {"remove mx.example", false, false, 0}};
  for (const Row& row : rows) {
    EXPECT_EQ(live_.grant(row.wish).has_value(), row.granted) << row.wish;
    EXPECT_EQ(ramp_.view(one).paused, row.paused) << row.wish;
    EXPECT_EQ(ramp_.view(one).pace, row.pace) << row.wish;
    EXPECT_EQ(live_.holds(), row.paused || row.pace > 0) << row.wish;
  }
}

TEST_F(LiveViewTest, ARunThatIsOverAtOnceLeavesNoTrace) {
  (void)live_.tick(now_);
  (void)live_.tick(now_ + 100ms);
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  (void)live_.tick(now_ + 300ms);
  auto boards = base::SharedBoard::open_all(spoolfmt::board_directory(dir_.path()));
  ASSERT_EQ(boards->size(), 1U);
  EXPECT_TRUE(boards->front().read());
}

TEST_F(LiveViewTest, WhoAsksSeesItDoneAsSoonAsItIsAnswered) {
  put(site("mx.example"), 3);
  // A page that takes its time to be written.
  for (int i = 1; i <= 5000; ++i) put(site("mx" + std::to_string(i) + ".example"), 1);
  (void)live_.tick(now_);
  (void)live_.tick(now_ + 300ms);
  auto boards = base::SharedBoard::open_all(spoolfmt::board_directory(dir_.path()));
  ASSERT_EQ(boards->size(), 1U);
  std::atomic<bool> done = false;
  std::jthread asker([&] {
    const base::SharedBoard& board = boards->front();
    for (int i = 0; i < 20 && !HasFailure(); ++i) {
      bool paused = i % 2 == 0;
      EXPECT_TRUE(board.ask(paused ? "pause mx.example" : "resume mx.example", 1min));
      auto page = board.read();
      EXPECT_TRUE(page && page->at(page->rows.front(), "paused") == Cell(paused)) << i;
    }
    done = true;
  });
  while (!done) (void)live_.tick(now_ + 300ms);
}

TEST_F(LiveViewTest, I100_OfVeryManySitesTheBusiestAreShownAndTheRestIsASum) {
  constexpr std::size_t kSites = 5000;
  for (std::size_t i = 1; i <= kSites; ++i)
    put(site("mx" + std::to_string(i) + ".example"), i % 7 + 1);
  BoardPage page = live_.page(now_);
  ASSERT_EQ(page.rows.size(), 1000U);
  EXPECT_EQ(page.at(page.rows.front(), "ready"), Cell(7.0));
  EXPECT_EQ(page.at(page.rows.back(), "ready"), Cell(6.0));
  EXPECT_EQ(fact(page, "sites"), Cell(5000.0));
  EXPECT_EQ(fact(page, "rest_sites"), Cell(4000.0));
  double shown = 0;
  for (const auto& row : page.rows) shown += std::get<double>(page.at(row, "ready"));
  EXPECT_EQ(Cell(std::get<double>(fact(page, "rest_ready")) + shown),
            fact(page, "ready"));
  // All of them fit on the board.
  std::string bytes = base::format_board_page(page, base::SharedBoard::kPageSize);
  EXPECT_EQ(base::parse_board_page(bytes)->rows.size(), 1000U);
}

}  // namespace
