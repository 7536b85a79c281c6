// SPDX-License-Identifier: Apache-2.0
#include "qrunner/report_field.h"

#include <gtest/gtest.h>

namespace {

using namespace std::string_view_literals;
using qrunner::Letters;

TEST(ReportField, ControlBytesNeverPass) {
  struct Row {
    std::string_view text, ascii, utf8;
  };
  for (const Row& row : {
           Row{"plain text", "plain text", "plain text"},
           Row{" \t two\r\n lines  \n", "two lines", "two lines"},
           Row{"nul\0 esc\x1b del\x7f"sv, "nul? esc? del?", "nul? esc? del?"},
           Row{"caf\xc3\xa9", "caf??", "caf\xc3\xa9"},
           Row{"\xe9t\xe9", "?t?", "?t?"},
           Row{"\xc0\xaf \xed\xa0\x80 \xc2\x85", "?? ??? ??", "?? ??? ??"},
           Row{"cut \xe2\x82", "cut ??", "cut ??"},
           Row{"", "", ""},
       }) {
    EXPECT_EQ(qrunner::clean_line(row.text, Letters::ascii), row.ascii);
    EXPECT_EQ(qrunner::clean_line(row.text, Letters::utf8), row.utf8);
  }
}

TEST(ReportField, LongFieldsAreFoldedAndUnfoldToTheSame) {
  EXPECT_EQ(qrunner::format_field("A", "b", Letters::ascii), "A: b\n");
  EXPECT_EQ(qrunner::format_field("A", "", Letters::ascii), "A:\n");
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word" + std::to_string(i) + " ";
  words.pop_back();
  std::string field = qrunner::format_field("Name", words, Letters::ascii);
  std::string unfolded;
  for (std::size_t at = 0; at < field.size();) {
    std::size_t end = field.find('\n', at);
    EXPECT_LE(end - at, 78U);
    unfolded += field.substr(at, end - at);
    at = end + 1;
  }
  EXPECT_EQ(unfolded, "Name: " + words);
  std::string solid(5000, 'x');
  std::string cut = qrunner::format_field("Name", solid, Letters::ascii);
  for (std::size_t at = 0; at < cut.size(); at = cut.find('\n', at) + 1)
    EXPECT_LT(cut.find('\n', at) - at, 998U);
}

TEST(ReportField, ReturnedHeadersStayOneHeader) {
  struct Row {
    std::string text, out;
  };
  for (const Row& row : {
           Row{"Subject: a\n\tb\n", "Subject: a\n\tb\n"},
           Row{"Subject: a\n\nBcc: x\n", "Subject: a\n Bcc: x\n"},
           Row{"Subject: a\rb\n", "Subject: a?b\n"},
           Row{"Subject: no end", "Subject: no end\n"},
           Row{"\n \n", ""},
       })
    EXPECT_EQ(qrunner::returned_header(row.text), row.out) << row.text;
  std::string out = qrunner::returned_header("X: " + std::string(4000, 'x') + "\n");
  for (std::size_t at = 0; at < out.size(); at = out.find('\n', at) + 1)
    EXPECT_LT(out.find('\n', at) - at, 998U);
}

TEST(ReportField, TextIsCutBetweenCharacters) {
  EXPECT_EQ(qrunner::cut_text("abc", 5), "abc");
  EXPECT_EQ(qrunner::cut_text("abc", 2), "ab");
  EXPECT_EQ(qrunner::cut_text("a\xc3\xa9", 2), "a");
  EXPECT_EQ(qrunner::cut_text("a\xe2\x82\xac", 3), "a");
}

}  // namespace
