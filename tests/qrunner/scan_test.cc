// SPDX-License-Identifier: Apache-2.0
#include "qrunner/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "qrunner/ramp.h"
#include "spoolfmt/d_file.h"
#include "spoolfmt/h_file.h"
#include "tests/support/temp_dir.h"

namespace {

using qrunner::Due;
using qrunner::Leg;
using qrunner::Ramp;
using qrunner::Request;
using qrunner::ScanEvents;
using qrunner::ScanOrder;
using qrunner::SiteIndex;
using spoolfmt::MessageId;
using spoolfmt::Spool;

// Ids of more than one second, in their order.
std::vector<MessageId> some_ids(unsigned count) {
  std::vector<MessageId> ids;
  for (unsigned i = 0; i < count; ++i)
    ids.push_back(
        spoolfmt::encode({1'795'000'000 + i / 4, 1000 - i, (i % 4) * 5000, {}}, {}));
  return ids;
}

void put(const Spool& spool, const MessageId& id) {
  spoolfmt::HFile file;
  file.id = id;
  file.sender = "s@sender.example";
  file.received = 1'795'000'000;
  file.recipients.push_back({"a@one.example", {}, {}, 0, -1, false});
  file.headers.push_back({' ', "Subject: one\n"});
  auto input = spool.input(spool.subdirectory_for(id));
  std::filesystem::create_directories(input);
  std::ofstream(input / (id.str() + "-D")) << spoolfmt::d_first_line(id) << "Hello.\n";
  std::ofstream(input / (id.str() + "-H"))
      << spoolfmt::format_h_file<std::string>(file);
}

ScanEvents for_each_due(std::function<void(const Due&)> due) {
  return {.thaws = [](const auto&) { return false; },
          .due = std::move(due),
          .frozen = [](const auto&) {},
          .trouble = [](const base::Error& error) { ADD_FAILURE() << error.text; },
          .stop = [] { return false; }};
}

class Scan : public testing::TestWithParam<bool> {
 protected:
  support::TempDir dir_;
  Spool spool_ = *Spool::create(dir_ / "spool", {}, GetParam());
};

// Threshold 8: the 8th message of many opens the connection, which begins with the 1st.
TEST_P(Scan, Q13_InOrderOfArrivalTheRampStartsASiteInTheOrderOfIds) {
  constexpr unsigned kCount = 100;
  const std::vector<MessageId> ids = some_ids(kCount);
  std::vector<MessageId> made = ids;
  std::ranges::shuffle(made, std::mt19937(13));
  for (const MessageId& id : made) put(spool_, id);

  Ramp ramp({.threshold = 8});
  const SiteIndex site = 1;
  std::vector<MessageId> started;
  std::size_t found = 0, found_at_start = 0;
  auto events = for_each_due([&](const Due& due) {
    ++found;
    auto starts = ramp.routed(site, Leg(due.id), {});
    if (!starts.empty() && found_at_start == 0) found_at_start = found;
    if (found_at_start == 0) return;
    if (auto leg = ramp.take(site)) started.push_back(leg->id);
  });
  auto counts = scan(spool_, Request{}, ScanOrder::arrival, events);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->due, kCount);
  EXPECT_EQ(found_at_start, 8U);
  EXPECT_GT(started.size(), kCount / 2) << "while the scan went on";
  ramp.scan_ended();
  while (auto leg = ramp.take(site)) started.push_back(leg->id);
  EXPECT_EQ(started, ids);
}

// Files are asked for ahead of the look at them: who stops sees no more of them.
TEST_P(Scan, StopsAtOnce) {
  for (const MessageId& id : some_ids(50)) put(spool_, id);
  for (auto order : {ScanOrder::directory, ScanOrder::arrival}) {
    std::size_t found = 0;
    auto events = for_each_due([&](const Due&) { ++found; });
    events.stop = [&] { return found == 5; };
    auto counts = scan(spool_, Request{}, order, events);
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->seen, 5U);
    EXPECT_EQ(found, 5U);
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, Scan, testing::Bool(), [](const auto& layout) {
  return layout.param ? "split" : "flat";
});

}  // namespace
