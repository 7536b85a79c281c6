// SPDX-License-Identifier: Apache-2.0
#include "policy/macros.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using base::Code;
using policy::Macros;

namespace {

using Strings = std::vector<std::string>;

Macros make(const Strings& settings, const Strings& features = {}) {
  auto macros = Macros::create(settings, features);
  EXPECT_TRUE(macros) << macros.error().text;
  return *macros;
}

struct Replaced {
  std::string text;
  std::size_t count;
  std::size_t warnings;
};

Replaced replace(const Macros& macros, std::string_view text) {
  policy::SourceText line(text, 0, 1);
  std::vector<policy::Diagnostic> warnings;
  auto count = macros.replace(line, 0, warnings);
  EXPECT_TRUE(count) << count.error().text;
  return {std::string(line.bytes()), count.value_or(0), warnings.size()};
}

}  // namespace

TEST(Macros, ReplaceTextuallyInOrderOfDefinition) {
  struct Row {
    Strings macros;
    std::string_view in, out;
    std::size_t count, warnings;
  };
  for (const Row& row : {
           Row{{}, "NAME", "NAME", 0, 0},
           Row{{"NAME=one"}, "a = NAME, \"NAME\"", "a = one, \"one\"", 2, 0},
           Row{{"NAME=one"}, "XNAMEX lower_NAME", "XoneX lower_one", 2, 2},
           Row{{"EMPTY="}, "a EMPTY.b", "a .b", 1, 0},
           Row{{"EMPTY"}, "a EMPTY.b", "a .b", 1, 0},
           Row{{" NAME = a = b "}, "NAME", "a = b", 1, 0},
           // Later macros are seen in a replacement, the same and earlier ones are not.
           Row{{"AB=CD CD", "CD=x"}, "AB", "x x", 3, 0},
           Row{{"CD=x", "AB=CD"}, "AB", "CD", 1, 0},
           Row{{"AB=AB AB"}, "AB", "AB AB", 1, 0},
       }) {
    Replaced got = replace(make(row.macros), row.in);
    EXPECT_EQ(got.text, row.out);
    EXPECT_EQ(got.count, row.count) << row.in;
    EXPECT_EQ(got.warnings, row.warnings) << row.in;
  }
}

TEST(Macros, MatchFeaturesAsWholeWordsOnly) {
  Macros macros = make({}, {"_OPT_MAIN_SMTP_ACCEPT_MAX"});
  EXPECT_EQ(replace(macros, "_OPT_MAIN_SMTP_ACCEPT_MAX").count, 1U);
  EXPECT_EQ(replace(macros, "_OPT_MAIN_SMTP_ACCEPT_MAX_NONMAIL").count, 0U);
}

TEST(Macros, DefineOnceAndRedefineOnlyWhatIsThere) {
  Macros macros = make({"CL=line"});
  EXPECT_TRUE(macros.define("MM", "1"));
  auto twice = macros.define("MM", "2");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().text,
            "macro 'MM' is defined already: write '==' to redefine it");
  EXPECT_TRUE(macros.redefine("MM", "3"));
  EXPECT_EQ(replace(macros, "MM").text, "3");
  EXPECT_FALSE(macros.redefine("NONE", "1"));
  EXPECT_FALSE(macros.define("XMMX", "1")) << "MM would be replaced in it first";
  // The command line wins without a word.
  EXPECT_TRUE(macros.define("CL", "file"));
  EXPECT_TRUE(macros.redefine("CL", "file"));
  EXPECT_EQ(replace(macros, "CL").text, "line");
}

TEST(Macros, RefuseABadSettingAsUsage) {
  for (const char* setting : {"", "=x", "name=x", "1A=x", "A-B=x", "_A=x"}) {
    Strings settings{setting};
    auto macros = Macros::create(settings, {});
    ASSERT_FALSE(macros) << setting;
    EXPECT_EQ(macros.error().code, Code::usage);
  }
  Strings twice{"AA=1", "AA=2"};
  EXPECT_FALSE(Macros::create(twice, {}));
}

TEST(Macros, KeepAnExplodingLineSmall) {
  Strings settings;
  for (char c = 'A'; c < 'Z'; ++c) {
    std::string next = std::string("X") + static_cast<char>(c + 1) + " ";
    settings.push_back(std::string("X") + c + "=" + next + next + next + next);
  }
  policy::SourceText line("XA", 0, 1);
  std::vector<policy::Diagnostic> warnings;
  auto count = make(settings).replace(line, 0, warnings);
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Code::config);
}

TEST(Macros, KnowADefinitionByItsShape) {
  struct Row {
    std::string_view line;
    int length;  // -1: none
  };
  for (auto [line, length] :
       {Row{"NAME = x", 4}, Row{"N_1==", 3}, Row{"Nn=x", 2}, Row{"name = x", -1},
        Row{"NAME x", -1}, Row{"", -1}, Row{"1N = x", -1}, Row{"N.A = x", -1}})
    EXPECT_EQ(
        policy::definition_name(line),
        length < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(length)))
        << line;
}
