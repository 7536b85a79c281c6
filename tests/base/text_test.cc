// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using base::Code;

TEST(Text, PrintableLeavesNothingThatATerminalObeys) {
  struct Row {
    std::string_view in, out;
  };
  for (auto [in, out] : {
           Row{"plain", "plain"},
           Row{"", ""},
           Row{"a\nb\r\t", "a\\nb\\r\\t"},
           Row{"back\\slash", "back\\\\slash"},
           Row{"\x1b[31m", "\\033[31m"},
           Row{"nul\0!"sv, "nul\\000!"},
           Row{"\x7f", "\\177"},
           Row{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
           // C1 controls in UTF-8 (U+009B is CSI) are obeyed by some terminals.
           Row{"\xc2\x9b"
               "31m",
               "\\302\\23331m"},
       })
    EXPECT_EQ(base::printable(in), out);
}

TEST(Text, CaseIsAsciiOnly) {
  EXPECT_EQ(base::lower("ABC-xyz-\xc3\x9c"), "abc-xyz-\xc3\x9c");
  EXPECT_TRUE(base::equal_nocase("Postmaster", "POSTMASTER"));
  EXPECT_FALSE(base::equal_nocase("a", "ab"));
  EXPECT_FALSE(base::equal_nocase("[", "{"));
}

TEST(Text, NumbersAreDigitsAndNothingElse) {
  EXPECT_EQ(base::to_number("0"), 0U);
  EXPECT_EQ(base::to_number("0042"), 42U);
  EXPECT_EQ(base::to_number("18446744073709551615"), ~std::uint64_t{0});
  for (auto text : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "18446744073709551616"})
    EXPECT_EQ(base::to_number(text), std::nullopt) << text;
}

TEST(Text, SizesArePowersOf1024) {
  struct Row {
    std::string_view text;
    std::uint64_t bytes;
  };
  for (auto [text, bytes] : {
           Row{"0", 0},
           Row{"90", 90},
           Row{"10k", 10240},
           Row{"10K", 10240},
           Row{"5M", 5 << 20},
           Row{"2g", std::uint64_t{2} << 30},
           Row{"17179869183G", std::uint64_t{17179869183} << 30},
       }) {
    auto size = base::parse_size(text);
    ASSERT_TRUE(size) << text;
    EXPECT_EQ(*size, bytes);
  }
  for (auto text : {"", "k", "10kb", "1T", "-1", "1 k", "1.5M", "17179869184G"}) {
    auto size = base::parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().code, Code::usage);
    EXPECT_NE(size.error().text.find("10k, 5M"), std::string::npos);  // the remedy
  }
}

TEST(Text, SpansAddUp) {
  struct Row {
    std::string_view text;
    std::chrono::seconds span;
  };
  for (auto [text, span] : {
           Row{"0", 0s},
           Row{"90", 90s},
           Row{"45s", 45s},
           Row{"90m", 90min},
           Row{"2h", 2h},
           Row{"3d", 72h},
           Row{"1w", 168h},
           Row{"1h30m", 90min},
           Row{"1w2d3h4m5s", 168h + 48h + 3h + 4min + 5s},
       }) {
    auto parsed = base::parse_span(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, span);
  }
  for (auto text :
       {"", "h", "1h30", "2H", "1 h", "-1h", "1.5h", "2y", "1h ",
        "99999999999999999999", "18446744073709551615w", "1099511627776w"}) {
    auto parsed = base::parse_span(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::usage);
  }
}

TEST(Text, TimesAreRfc3339InUtcWithMicroseconds) {
  using Time = std::chrono::sys_time<std::chrono::microseconds>;
  EXPECT_EQ(base::format_rfc3339(Time(0us)), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(base::format_rfc3339(Time(1'795'257'780'680'109us)),
            "2026-11-21T10:43:00.680109Z");
  EXPECT_EQ(base::format_rfc3339(Time(-1us)), "1969-12-31T23:59:59.999999Z");
}

TEST(Text, MailDatesAreInTheLocalZone) {
  const std::chrono::sys_seconds time(1'795'221'679s);
  ::setenv("TZ", "XYZ-05:30", 1);
  ::tzset();
  EXPECT_EQ(base::format_mail_date(time), "Sat, 21 Nov 2026 06:11:19 +0530");
  ::setenv("TZ", "UTC", 1);
  ::tzset();
}
