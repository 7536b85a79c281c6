// SPDX-License-Identifier: Apache-2.0
#include "policy/log_selector.h"

#include <gmock/gmock.h>

namespace policy {
namespace {

using ::testing::HasSubstr;

TEST(LogSelector, StartsWithWhatEximTells) {
  LogSelector selector;
  EXPECT_TRUE(selector.has(LogItem::tls_cipher));
  EXPECT_TRUE(selector.has(LogItem::size_reject));
  EXPECT_FALSE(selector.has(LogItem::eight_bit_mime));
  EXPECT_FALSE(selector.has(LogItem::unknown_in_list));
}

TEST(LogSelector, AddsAndTakesAwayInTheOrderWritten) {
  LogSelector all = *LogSelector::parse(" +all -subject\t-8bitmime");
  EXPECT_TRUE(all.has(LogItem::unknown_in_list));
  EXPECT_FALSE(all.has(LogItem::subject));
  EXPECT_FALSE(all.has(LogItem::eight_bit_mime));
  LogSelector one = *LogSelector::parse("-all+incoming_port");
  EXPECT_TRUE(one.has(LogItem::incoming_port));
  EXPECT_FALSE(one.has(LogItem::tls_cipher));
}

TEST(LogSelector, NamesTheWordThatIsNone) {
  EXPECT_THAT(LogSelector::parse("+tls_snl").error().text,
              HasSubstr("'tls_snl'; did you mean 'tls_sni'?"));
  EXPECT_THAT(LogSelector::parse("subject").error().text, HasSubstr("neither + nor -"));
}

}  // namespace
}  // namespace policy
