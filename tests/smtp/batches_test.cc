// SPDX-License-Identifier: Apache-2.0
#include "smtp/batches.h"

#include <gtest/gtest.h>

#include <string>

namespace smtp {
namespace {

using Batches = std::vector<std::vector<std::size_t>>;

struct Row {
  const char* what;
  std::vector<std::string> domains;
  BatchRules rules;
  Limits server;
  Batches expected;
};

TEST(Batches, KeepToAllLimits) {
  const Row rows[] = {
      {"none", {}, {}, {}, {}},
      {"one is enough", {"a", "b", "a"}, {}, {}, {{0, 1, 2}}},
      {"max_rcpt", {"a", "b", "a"}, {2, true}, {}, {{0, 1}, {2}}},
      {"max_rcpt = 0", {"a", "b", "a"}, {0, true}, {}, {{0, 1, 2}}},
      {"Q31: RCPTMAX lowers it",
       {"a", "a", "a"},
       {2, true},
       {.recipients = 1},
       {{0}, {1}, {2}}},
      {"RCPTMAX does not raise it",
       {"a", "a", "a"},
       {2, true},
       {.recipients = 9},
       {{0, 1}, {2}}},
      {"multi_domain = false",
       {"a", "b", "A", "b"},
       {100, false},
       {},
       {{0, 2}, {1, 3}}},
      {"Q31: RCPTDOMAINMAX",
       {"a", "b", "c", "a", "d", "b"},
       {},
       {.domains = 2},
       {{0, 1, 3, 5}, {2, 4}}},
      {"both",
       {"a", "a", "a", "b", "a"},
       {2, true},
       {.domains = 1},
       {{0, 1}, {2, 4}, {3}}},
      {"a full batch and a new domain",
       {"a", "b", "c", "a"},
       {2, true},
       {.domains = 2},
       {{0, 1}, {2, 3}}},
  };
  for (const Row& row : rows) {
    std::vector<Recipient> recipients;
    for (const std::string& domain : row.domains)
      recipients.push_back({"u" + std::to_string(recipients.size()) + "@" + domain});
    EXPECT_EQ(batches(recipients, row.rules, row.server), row.expected) << row.what;
  }
}

TEST(Batches, TakeManyDomainsInTheirStride) {
  std::vector<Recipient> recipients;
  for (int i = 0; i < 20000; ++i)
    recipients.push_back({"u@d" + std::to_string(i % 10000)});
  Batches made = batches(recipients, {100, false}, {});
  EXPECT_EQ(made.size(), 10000u);
  for (const auto& batch : made) EXPECT_EQ(batch.size(), 2u);
}

}  // namespace
}  // namespace smtp
