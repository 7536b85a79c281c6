// SPDX-License-Identifier: Apache-2.0
//
// A far end that fails in every way, by chance: nobody is lost, and nobody gets a
// message twice whose arrival was confirmed.
#include <gtest/gtest.h>

#include <set>

#include "tests/e2e/run_support.h"

namespace {

using run_tests::Sink;
using run_tests::TestSpool;

// The second words of lines like "... ID => a7@x.example R=...".
std::multiset<std::string> addresses(const std::string& log, std::string_view mark) {
  std::multiset<std::string> found;
  std::string sign = " " + std::string(mark) + " ";
  for (auto at = log.find(sign); at != log.npos; at = log.find(sign, at + 1)) {
    std::size_t begin = at + sign.size();
    found.insert(log.substr(begin, log.find_first_of(" :\n", begin) - begin));
  }
  return found;
}

TEST(RunChaos, EverybodyGetsItOnceOrItsSenderHears) {
  constexpr unsigned kMessages = 250;
  for (const char* chaos : {"7:8", "11:20"}) {
    TestSpool spool;
    std::set<std::string> everybody;
    for (unsigned i = 0; i < kMessages; ++i) {
      std::string one = "a" + std::to_string(i) + "@x.example",
                  two = "b" + std::to_string(i) + "@x.example";
      spool.put(TestSpool::id(i), {.recipients = {one, two}});
      everybody.insert({one, two});
    }
    Sink sink(spool.path() / "dump", {"--chaos", chaos});
    std::multiset<std::string> told;
    for (int run = 0; run < 60 && told.size() < everybody.size(); ++run) {
      ASSERT_EQ(spool.run({"-qqf", "--smarthost", sink.address()}).status, 0);
      told = addresses(spool.log(), "=>");
      told.merge(addresses(spool.log(), "->"));
      told.merge(addresses(spool.log(), "**"));
      told.erase("s@x.example");  // who hears of failures
    }
    EXPECT_EQ(told, std::multiset<std::string>(everybody.begin(), everybody.end()))
        << chaos;
    // What the far end took and did not confirm is all that may come twice.
    std::size_t unknown = 0;
    std::string log = spool.log();
    constexpr std::string_view kUnknown = " unknown outcomes";
    for (auto at = log.find(kUnknown); at != log.npos; at = log.find(kUnknown, at + 1))
      unknown += std::stoul(log.substr(log.rfind(' ', at - 1) + 1));
    std::string counts = sink.stop();
    auto at = counts.find("\"duplicates\":");
    ASSERT_NE(at, counts.npos) << counts;
    EXPECT_LE(std::stoul(counts.substr(at + 13)), 2 * unknown) << counts;
  }
}

}  // namespace
