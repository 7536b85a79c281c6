// SPDX-License-Identifier: Apache-2.0
#include "policy/lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

namespace {

using Strings = std::vector<std::string>;

policy::Lines parse(std::string_view text, const Strings& macros = {},
                    const std::map<std::string, std::string>& files = {}) {
  auto read = [&](const std::filesystem::path& path) -> base::Result<std::string> {
    auto found = files.find(path.string());
    if (found == files.end()) return base::system_failure(path.string(), ENOENT);
    return found->second;
  };
  return policy::parse_lines("/etc/main.conf", text,
                             *policy::Macros::create(macros, {}), read);
}

Strings texts(const policy::Lines& lines) {
  Strings out;
  for (const auto& line : lines.lines) out.emplace_back(line.bytes());
  return out;
}

Strings errors(const policy::Lines& lines) {
  Strings out;
  for (const auto& [origin, text] : lines.errors)
    out.push_back(lines.files[origin.file].name + ":" + std::to_string(origin.line) +
                  ": " + text);
  return out;
}

}  // namespace

TEST(Lines, JoinContinuationsAndDropComments) {
  struct Row {
    std::string_view in;
    Strings out;
  };
  for (const Row& row : {
           Row{"", {}},
           Row{"\n \n\t\n", {}},
           Row{"a = 1\nb = 2", {"a = 1", "b = 2"}},
           Row{"  a = 1 \t\r\n", {"a = 1"}},
           Row{"# no\n  # no\na = 1 # y\n", {"a = 1 # y"}},
           Row{"# no \\\na = 1\n", {"a = 1"}},
           Row{"a = p1 \\\n    p2\n", {"a = p1 p2"}},
           Row{"a = p1\\\n    p2\n", {"a = p1p2"}},
           Row{"a = p1\\   \np2\n", {"a = p1p2"}},
           Row{"a = x : \\\n  # no\n  y\n", {"a = x : y"}},
           Row{"a = x : \\\n\nb = y\n", {"a = x :", "b = y"}},
           Row{"a = x : \\\n  .y\n", {"a = x : .y"}},
           Row{"begin acl\n", {"begin acl"}},
       })
    EXPECT_THAT(texts(parse(row.in)), ElementsAreArray(row.out)) << row.in;
}

TEST(Lines, ReplaceMacrosOnPhysicalLines) {
  struct Row {
    std::string_view in;
    Strings out;
  };
  for (const Row& row : {
           Row{"NAME = one\na = NAME\n", {"a = one"}},
           Row{"NAME=one \\\n  two\na = NAME\n", {"a = one two"}},
           Row{"AB = 1\nCD = AB\na = CD\n", {"a = 1"}},
           Row{"AB = 1\nAB == 2\na = AB\n", {"a = 2"}},
           Row{"AB = 1\na = AB\nAB == 2\nb = AB\n", {"a = 1", "b = 2"}},
           Row{"EE =\na = EE\nEE b = 1\n", {"a =", "b = 1"}},
           Row{"CC = # \nCC all this is a comment\na = 1\n", {"a = 1"}},
       }) {
    auto lines = parse(row.in);
    EXPECT_THAT(errors(lines), testing::IsEmpty());
    EXPECT_THAT(texts(lines), ElementsAreArray(row.out)) << row.in;
  }
  EXPECT_THAT(texts(parse("AA = file\na = AA\n", {"AA=line"})),
              ElementsAre("a = line"));
}

TEST(Lines, FollowConditions) {
  struct Row {
    std::string_view in;
    Strings out;
  };
  for (const Row& row : {
           Row{".ifdef UU\na\n.endif\nb\n", {"b"}},
           Row{".ifndef UU\na\n.endif\nb\n", {"a", "b"}},
           Row{"XX = 1\n.ifdef XX\na\n.else\nb\n.endif\n", {"a"}},
           Row{"XX = 1\n.ifdef UU XX\na\n.endif\n", {"a"}},
           Row{"XX = 1\n.ifdef UU\na\n.elifdef XX\nb\n.elifdef "
               "XX\nc\n.else\nd\n.endif\n",
               {"b"}},
           Row{".ifdef UU\na\n.elifndef UU\nb\n.else\nc\n.endif\n", {"b"}},
           Row{".ifdef UU\n.ifndef UU\na\n.else\nb\n.endif\n.else\nc\n.endif\n", {"c"}},
           Row{".ifdef UU\nMM = 1\n.include /none\n.endif\na = MM\n", {"a = MM"}},
           // All of it works on physical lines, so a continuation does not notice.
           Row{"a = 1 : \\\n.ifdef UU\n2 : \\\n\n.else\n3 : \\\n.endif\n4\n",
               {"a = 1 : 3 : 4"}},
       }) {
    auto lines = parse(row.in);
    EXPECT_THAT(errors(lines), testing::IsEmpty()) << row.in;
    EXPECT_THAT(texts(lines), ElementsAreArray(row.out)) << row.in;
  }
}

TEST(Lines, IncludeFilesBesideTheIncludingOne) {
  auto lines = parse(
      "a = 1 : \\\n.include sub/one.conf\n 4\n.include \"/abs.conf\"\n"
      ".include_if_exists /none.conf\nf = MM\n",
      {},
      {{"/etc/sub/one.conf", ".include two.conf\n3 : \\\n"},
       {"/etc/sub/two.conf", "2 : \\\n"},
       {"/abs.conf", "MM = six\ne = 5\n"}});
  EXPECT_THAT(errors(lines), testing::IsEmpty());
  EXPECT_THAT(texts(lines), ElementsAre("a = 1 : 2 : 3 : 4", "e = 5", "f = six"));
}

TEST(Lines, ReportEveryErrorWithPlaceAndRemedy) {
  struct Row {
    std::string_view in;
    Strings errors;
  };
  for (const Row& row : {
           Row{"a\n.else\n",
               {"/etc/main.conf:2: .else without an open condition: write "
                "'.ifdef' first"}},
           Row{".endif\n.elifdef X\n",
               {"/etc/main.conf:1: .endif without an open condition: write '.ifdef' "
                "first",
                "/etc/main.conf:2: .elifdef without an open condition: write '.ifdef' "
                "first"}},
           Row{"a\n.ifdef X\n.ifdef Y\n.endif\n",
               {"/etc/main.conf:2: the condition is never closed: write '.endif'"}},
           Row{".ifdef X\n.else\n.elifdef Y\n.endif\n",
               {"/etc/main.conf:3: .elifdef after '.else': only '.endif' can follow"}},
           Row{"begin acl\na:\n  warn logwrite = x \\",
               {"/etc/main.conf:3: the file ends with a continued line: remove the "
                "backslash or write the line that follows"}},
           Row{"MM = 1\nMM = 2\nNN == 1\n",
               {"/etc/main.conf:2: macro 'MM' is defined already: write '==' to "
                "redefine "
                "it",
                "/etc/main.conf:3: macro 'NN' is not defined yet: write '=' to define "
                "it"}},
           Row{".include_if_exists rel\n",
               {"/etc/main.conf:1: .include_if_exists rel: the name is relative: write "
                "an "
                "absolute one"}},
           Row{".include\n",
               {"/etc/main.conf:1: .include names no file: write its name"}},
           Row{".include /none\n",
               {"/etc/main.conf:1: cannot include /none: No such file or directory: "
                "correct the name, or write '.include_if_exists'"}},
       })
    EXPECT_THAT(errors(parse(row.in)), ElementsAreArray(row.errors)) << row.in;
  EXPECT_THAT(errors(parse("a\nb\0c\n"sv)),
              ElementsAre(HasSubstr(":2: the line holds a NUL")));
}

TEST(Lines, ShowThePlaceTheMacroAndTheIncludingLine) {
  auto lines = parse("AA = x\n\n .include /i\n", {}, {{"/i", "\n.else\n a\t= AA\n"}});
  ASSERT_EQ(lines.errors.size(), 1U);
  EXPECT_EQ(lines.format(lines.errors[0], "error"),
            "/i:2:1: error: .else without an open condition: write '.ifdef' first\n"
            "    .else\n"
            "    ^\n"
            "    note: included at /etc/main.conf:3:2");
  ASSERT_EQ(lines.lines.size(), 1U);
  policy::Origin origin = lines.lines[0].origin(4);
  EXPECT_EQ(origin.line, 3U);
  EXPECT_EQ(origin.column, 6U);
  EXPECT_EQ(lines.format({origin, "'b; c' is bad; try 'd'"}, "warning"),
            "/i:3:6: warning: 'b; c' is bad\n"
            "    a = AA\n"
            "        ^\n"
            "    note: try 'd'\n"
            "    note: written by macro 'AA', defined at /etc/main.conf:1:1\n"
            "    note: included at /etc/main.conf:3:2");
}

TEST(Lines, ShowOfALongLineWhatIsNearThePlace) {
  auto lines = parse("a = " + std::string(500, 'x') + "!" + std::string(500, 'y'));
  std::string shown = lines.format({lines.lines[0].origin(504), "bad"}, "error");
  EXPECT_THAT(shown, HasSubstr("x!y"));
  EXPECT_LT(shown.size(), 250U);
}

TEST(Lines, NeverShowALineWithASecret) {
  auto lines = parse("hide a = secret");
  lines.secret_lines.insert({0, 1});
  EXPECT_EQ(lines.format({lines.lines[0].origin(9), "bad"}, "error"),
            "/etc/main.conf:1:10: error: bad");
}

TEST(Lines, TellAllThatIsWrongInTheOrderOfTheFile) {
  auto lines = parse("a\nb\n");
  lines.secret_lines = {{0, 1}, {0, 2}};
  EXPECT_EQ(lines.format({{{0, 2, 1, 0}, "two"}, {{0, 1, 1, 0}, "one"}}, "error", 3),
            "/etc/main.conf:1:1: error: one\n/etc/main.conf:2:1: error: two\n"
            "and 3 more errors\n");
}

TEST(Lines, KeepTheOriginOfEachByteOfAJoinedLine) {
  auto lines = parse("\n  ab \\\n    cd\n");
  ASSERT_EQ(lines.lines.size(), 1U);
  const auto& line = lines.lines[0];
  ASSERT_EQ(line.bytes(), "ab cd");
  EXPECT_EQ(line.origin(0).line, 2U);
  EXPECT_EQ(line.origin(0).column, 3U);
  EXPECT_EQ(line.origin(3).line, 3U);
  EXPECT_EQ(line.origin(3).column, 5U);
}

TEST(Lines, StopWhenAFileIncludesItself) {
  auto lines = parse(".include /i\na\n", {}, {{"/i", ".include /i\n.include /i\n"}});
  EXPECT_THAT(errors(lines), ElementsAre(HasSubstr("more than 16 deep")));
}

TEST(Lines, WarnOfAMacroInsideAWord) {
  auto lines = parse("AA = x\na = lower_AA\n");
  ASSERT_EQ(lines.warnings.size(), 1U);
  EXPECT_EQ(lines.warnings[0].origin.line, 2U);
  EXPECT_THAT(lines.warnings[0].text,
              HasSubstr("macro 'AA' is replaced inside a longer word"));
}
