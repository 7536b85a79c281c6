// SPDX-License-Identifier: Apache-2.0
#include "base/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using base::Cli;
using base::Code;
using base::Result;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

namespace {

struct Options {
  base::CommonOptions common;
  bool json = false;
  std::string format = "table";
  std::optional<std::chrono::seconds> older;
  std::optional<base::Size> larger;
  std::uint64_t limit = 0;
  unsigned threads = 1;
  std::vector<std::string> ids;
  std::vector<std::string> letters;
};

struct Line {
  Options options;
  Cli cli;

  Line() {
    cli.about("bobbin-try", "[OPTION...] [ID...]", "try the command line");
    cli.common(options.common);
    cli.flag("json", 'j', options.json, "one JSON object per line");
    cli.choice("format", 0, {"table", "ids"}, options.format, "how to print");
    cli.group("Selection");
    cli.option("older", 0, "TIME", options.older, "received before");
    cli.option("larger", 0, "SIZE", options.larger, "bigger than");
    cli.option("limit", 'n', "N", options.limit, "stop after");
    cli.option("threads", 0, "N", options.threads, "how many threads");
    cli.letters('q', "LETTERS", "a queue run", [this](std::string_view text) {
      options.letters.emplace_back(text);
      return text.find('z') == std::string_view::npos
                 ? Result<void>()
                 : base::fail(Code::usage, "no letter 'z'");
    });
    cli.operands("ID", options.ids, "messages");
  }

  Result<void> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "bobbin-try");
    return cli.parse(static_cast<int>(words.size()), words.data());
  }
};

}  // namespace

TEST(Cli, ReadsLongShortAndGluedForms) {
  Line line;
  auto parsed = line.parse({"--spool", "/a", "-jv", "--older=1h30m", "--larger", "5M",
                            "-n7", "-D", "A=1", "--define=B=2", "id1", "-G", "fast",
                            "--format", "ids", "id2"});
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_EQ(line.options.common.spool, "/a");
  EXPECT_TRUE(line.options.json);
  EXPECT_TRUE(line.options.common.verbose);
  EXPECT_EQ(line.options.older, 90min);
  EXPECT_EQ(line.options.larger->bytes, 5U << 20);
  EXPECT_EQ(line.options.limit, 7U);
  EXPECT_THAT(line.options.common.macros, ElementsAre("A=1", "B=2"));
  EXPECT_EQ(line.options.common.queue, "fast");
  EXPECT_EQ(line.options.format, "ids");
  EXPECT_THAT(line.options.ids, ElementsAre("id1", "id2"));
}

TEST(Cli, LeavesOutWhatWasNotSaid) {
  Line line;
  ASSERT_TRUE(line.parse({}));
  EXPECT_FALSE(line.options.older);
  EXPECT_TRUE(line.options.common.spool.empty());
  EXPECT_TRUE(line.options.ids.empty());
}

TEST(Cli, LettersTakeTheirWordWhole) {
  Line line;
  ASSERT_TRUE(line.parse({"-q", "-qqif", "id1", "-q"}));
  EXPECT_THAT(line.options.letters, ElementsAre("", "qif", ""));
  EXPECT_THAT(line.options.ids, ElementsAre("id1"));
  auto bad = Line().parse({"-qz"});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().text, "-qz: no letter 'z'");
}

TEST(Cli, AnArgumentIsNeverTakenForGluedLetters) {
  Line line;
  auto parsed = line.parse({"--spool", "-qdir", "-G", "-qname", "-n", "3"});
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_EQ(line.options.common.spool, "-qdir");
  EXPECT_EQ(line.options.common.queue, "-qname");
  EXPECT_TRUE(line.options.letters.empty());
}

TEST(Cli, DashesAloneAreOperandsOrTheirEnd) {
  Line line;
  auto parsed = line.parse({"-", "--", "-j", "-q", "--json", "--"});
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_THAT(line.options.ids, ElementsAre("-", "-j", "-q", "--json", "--"));
  EXPECT_FALSE(line.options.json);
  EXPECT_TRUE(line.options.letters.empty());
}

TEST(Cli, BadLinesAreUsageErrorsThatNameTheWord) {
  struct Row {
    std::vector<const char*> words;
    const char* says;
  };
  for (const auto& [words, says] : std::vector<Row>{
           {{"--nonsense"}, "nonsense"},
           {{"-x"}, "-x"},
           {{"-jx"}, "-jx"},
           {{"--js"}, "--js"},  // no guessing
           {{"--spool"}, "spool"},
           {{"--spool="}, "spool"},
           {{"--json=yes"}, "json"},
           {{"--older", "yesterday"}, "--older: 'yesterday' is not a time"},
           {{"--larger", "big"}, "--larger: 'big' is not a size"},
           {{"--limit", "-1"}, "--limit: '-1' is not a number"},
           {{"--threads", "4294967296"}, "--threads: '4294967296' is too large"},
           {{"--format", "tabl"}, "--format: 'tabl' is not one of table|ids"},
       }) {
    auto parsed = Line().parse(words);
    ASSERT_FALSE(parsed) << words.front();
    EXPECT_EQ(parsed.error().code, Code::usage);
    EXPECT_THAT(parsed.error().text, HasSubstr(says));
    EXPECT_EQ(parsed.error().text.find('\n'), std::string::npos);
  }
}

TEST(Cli, OperandsAreRefusedWhereNoneAreWanted) {
  Cli cli;
  cli.about("bobbin-none", "", "take nothing");
  std::vector<const char*> words = {"bobbin-none", "stray"};
  auto parsed = cli.parse(2, words.data());
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().text, HasSubstr("'stray': this tool takes no operands"));
}

// A tool of two actions, one of which has an option of its own.
struct TwoActions {
  TwoActions() {
    cli.about("bobbin-two", "ACTION [WORD...]", "do one of two things");
    cli.action(action, "check", "[FILE]", "look at it");
    cli.action(action, "print", "", "show it");
    cli.operands("WORD...", words, "what to do it to");
    cli.only_for({"check"});
    cli.flag("strict", 0, strict, "mind trifles");
    cli.group("");
    cli.flag("json", 0, json, "as JSON");
    cli.afterwards([this]() -> base::Result<void> {
      asked_afterwards = true;
      return {};
    });
  }
  base::Result<void> parse(std::vector<const char*> line) {
    line.insert(line.begin(), "bobbin-two");
    return cli.parse(static_cast<int>(line.size()), line.data());
  }

  Cli cli;
  std::string action;
  std::vector<std::string> words;
  bool strict = false, json = false, asked_afterwards = false;
};

TEST(Cli, TheFirstOperandIsTheAction) {
  TwoActions two;
  ASSERT_TRUE(two.parse({"--json", "check", "--strict", "file", "print"}));
  EXPECT_EQ(two.action, "check");
  EXPECT_EQ(two.words, (std::vector<std::string>{"file", "print"}));
  EXPECT_TRUE(two.strict && two.json && two.asked_afterwards);
}

TEST(Cli, AnActionIsAskedForAndItsOptionsAreItsOwn) {
  for (auto& [line, says] :
       std::vector<std::pair<std::vector<const char*>, const char*>>{
           {{}, "an action is missing: write one of check, print"},
           {{"chek"}, "'chek' is no action: write one of check, print"},
           {{"print", "--strict"}, "--strict: not with print"},
       }) {
    auto parsed = TwoActions().parse(line);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, Code::usage);
    EXPECT_THAT(parsed.error().text, HasSubstr(says));
  }
}

TEST(Cli, ActionsAreInHelpAndTable) {
  TwoActions two;
  ASSERT_TRUE(two.parse({"--help"}));
  EXPECT_FALSE(two.asked_afterwards) << "help is all it wants";
  EXPECT_THAT(two.cli.help(), HasSubstr("Actions:\n  check [FILE]    "));
  EXPECT_THAT(two.cli.help(), HasSubstr("Options of check:\n      --strict"));
  EXPECT_THAT(two.cli.table(), HasSubstr("\n\t\tACTION\tcheck print\twhat to do\n"));
}

TEST(Cli, HelpVersionAndTableAreAskedFor) {
  for (auto [word, member] :
       {std::pair{"--help", &Cli::wants_help}, std::pair{"-h", &Cli::wants_help},
        std::pair{"--version", &Cli::wants_version},
        std::pair{"--describe-options", &Cli::wants_table}}) {
    Line line;
    ASSERT_TRUE(line.parse({word})) << word;
    EXPECT_TRUE(line.cli.*member) << word;
  }
}

TEST(Cli, HelpHasThePurposeOnItsSecondLineAndEachOptionOnce) {
  Line line;
  std::string help = line.cli.help();
  EXPECT_TRUE(help.starts_with(
      "Usage: bobbin-try [OPTION...] [ID...]\ntry the command line\n"));
  for (auto option : {"-C, --config FILE", "-j, --json", "    --older TIME",
                      "-q[LETTERS]", "--format table|ids", "-h, --help"}) {
    auto found = help.find(option);
    ASSERT_NE(found, std::string::npos) << option << "\n" << help;
    EXPECT_EQ(help.find(option, found + 1), std::string::npos) << option;
  }
}

TEST(Cli, TheTableHasFiveFieldsARow) {
  std::string table = Line().cli.table();
  EXPECT_THAT(table, HasSubstr("json\tj\t\t\tone JSON object per line\n"));
  EXPECT_THAT(table, HasSubstr("format\t\ttable|ids\ttable ids\thow to print\n"));
  EXPECT_THAT(table, HasSubstr("\tq\tLETTERS\t\ta queue run\n"));
  EXPECT_EQ(std::count(table.begin(), table.end(), '\t'),
            4 * std::count(table.begin(), table.end(), '\n'));
}
